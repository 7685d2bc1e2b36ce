import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf, PayrootError } from "../errors.ts";
import { formatCount } from "../format.ts";
import { exportTree, type TreeFormat } from "../pipeline/publish/tree-export.ts";
import { command, type Parameter, text, usageInvalid, wholeNumber } from "./command.ts";
import { openPublished } from "./open.ts";

const format: Parameter<TreeFormat> = {
  about: "openzeppelin: the tree on chain, cumulative; uniswap: this epoch's earnings, a tree of its own",
  placeholder: "format",
  expected: "openzeppelin or uniswap",
  parse: (given) => (given === "openzeppelin" || given === "uniswap" ? given : undefined),
};

/** `payroot export N`: an epoch's tree for other software. */
export const exportCommand = command({
  name: "export",
  summary: "an epoch's tree as a file of OpenZeppelin's StandardMerkleTree or Uniswap's MerkleDistributor",
  arguments: { epoch: wholeNumber("number of the epoch") },
  options: {
    format,
    from: text("where the epochs are published, instead of the configured artifacts"),
    output: text("write it to this file, not to standard output"),
  },
  async run(context, { epoch, format, from, output }) {
    if (format === undefined) throw formatMissing();
    const { text, ...about } = await exportTree(openPublished(context.config, from), { epoch, format });
    if (format === "uniswap")
      context.out.note("a Uniswap tree has a root of its own: it is not the root of this epoch on chain");
    if (output !== undefined) {
      const file = resolve(output);
      await writeWhole(file, text(), context.signal);
      return { ...about, file };
    }
    // With --json, too, the document is the file itself.
    const toJSON = () => JSON.parse([...text()].join("")) as unknown;
    return Object.defineProperty({ ...about, text }, "toJSON", { value: toJSON });
  },
  print: (value, out) => {
    if ("text" in value) {
      for (const piece of inBulk(value.text())) out.document(piece);
      return;
    }
    out.line(`wrote ${formatCount(value.entries)} entries to ${value.file}`);
    out.facts({ root: value.root, total: value.total, "manifest hash": value.manifestHash });
  },
});

/** Writes a file that appears under its name only when it is whole. */
async function writeWhole(file: string, pieces: Generator<string>, signal: AbortSignal): Promise<void> {
  const part = `${file}.part`;
  try {
    await pipeline(Readable.from(inBulk(pieces)), createWriteStream(part, { flush: true }), { signal });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    signal.throwIfAborted();
    throw new PayrootError("output-unwritable", "The export could not be written.", {
      facts: { file, reason: messageOf(error) },
      next: "give the path of a file in a directory that this user may write to, with room for it",
      cause: error,
    });
  }
}

/** Pieces joined to some that are worth a write each. */
function* inBulk(pieces: Iterable<string>): Generator<string> {
  let bulk = "";
  for (const piece of pieces) {
    bulk += piece;
    if (bulk.length < 65_536) continue;
    yield bulk;
    bulk = "";
  }
  if (bulk !== "") yield bulk;
}

function formatMissing(): PayrootError {
  return usageInvalid("An export needs a format.", {
    facts: { expected: format.expected },
    next: "give --format openzeppelin or --format uniswap",
  });
}
