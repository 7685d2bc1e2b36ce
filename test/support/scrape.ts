/** A scrape of metrics: the type of each by its name, and each sample by its name and labels as they are written. */
export type Scrape = {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: ReadonlyMap<string, number>;
};

/** Reads the text format of Prometheus; throws at a line that is none of it. */
export function parseScrape(text: string): Scrape {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE ([a-z_:][\w:]*) (counter|gauge|histogram|summary)$/.exec(line);
    const sample = /^([a-z_:][\w:]*(?:\{(?:[a-z_]\w*="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(line);
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "");
    else if (sample !== null) samples.set(sample[1] ?? "", readNumber(sample[2] ?? ""));
    else if (line !== "" && !line.startsWith("# HELP ")) throw new Error(`no line of a scrape: ${line}`);
  }
  return { types, samples };
}

/** The samples of one metric, by their labels. */
export function samplesOf({ samples }: Scrape, name: string): Record<string, number> {
  const own = [...samples].filter(([sample]) => sample === name || sample.startsWith(`${name}{`));
  return Object.fromEntries(own.map(([sample, value]) => [sample.slice(name.length), value]));
}

function readNumber(text: string): number {
  const value = text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
  if (Number.isNaN(value) && text !== "NaN" && text !== "Nan") throw new Error(`no number: ${text}`);
  return value;
}
