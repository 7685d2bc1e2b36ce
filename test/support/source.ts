import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isStringLiteral,
} from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/sync";

/** The folder of the project, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Paths of the project that match, relative to it, sorted. */
export function pathsOf(...patterns: readonly string[]): string[] {
  return globSync([...patterns], { cwd: root, exclude: ["node_modules/**"] })
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

/** The text of a file of the project. */
export function textOf(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** What the tidy rules look at in one TypeScript file. */
export type Source = {
  readonly path: string;
  readonly text: string;
  /** The text with comments, strings and regular expressions blanked; as many lines. */
  readonly code: string;
  readonly imports: readonly { readonly from: string; readonly typeOnly: boolean; readonly line: number }[];
  readonly functions: readonly { readonly line: number; readonly lines: number }[];
  /** Exports without a doc comment: their first lines. */
  readonly undocumented: readonly { readonly head: string; readonly line: number }[];
};

/** Every TypeScript file of the project, read by the compiler itself. */
export function readSources(): Source[] {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${root}tsconfig.json`] }).getProjects();
    if (project === undefined) throw new Error("tsconfig.json was not understood");
    return project.rootFiles.map((file) => {
      const parsed = project.program.getSourceFile(file);
      if (parsed === undefined) throw new Error(`${file} was not parsed`);
      return readSource(file.slice(root.length), parsed);
    });
  } finally {
    api.close();
  }
}

function readSource(path: string, file: SourceFile): Source {
  const { text } = file;
  const lineOf = (position: number) => text.slice(0, position).split("\n").length;
  const imports: { from: string; typeOnly: boolean; line: number }[] = [];
  const functions: { line: number; lines: number }[] = [];
  const literals: [number, number][] = [];
  const visit = (node: Node): void => {
    const start = node.getStart(file);
    if (literalKinds.has(node.kind)) literals.push([start, node.end]);
    if (functionKinds.has(node.kind)) {
      functions.push({ line: lineOf(start), lines: lineOf(node.end) - lineOf(start) + 1 });
    }
    const from = moduleOf(node);
    if (from !== undefined) {
      const typeOnly = /^(import|export) type\b/.test(text.slice(start, node.end));
      const resolved = from.startsWith(".") ? posix.join(posix.dirname(path), from) : from;
      imports.push({ from: resolved, typeOnly, line: lineOf(start) });
    }
    node.forEachChild(visit);
  };
  file.forEachChild(visit);
  const undocumented = file.statements.filter(
    (statement) => isExported(statement) && !isDocumented(statement),
  );
  const heads = undocumented.map((statement) => {
    const start = statement.getStart(file);
    return { head: text.slice(start).split("\n")[0] ?? "", line: lineOf(start) };
  });
  return { path, text, code: codeOf(text, literals), imports, functions, undocumented: heads };
}

const literalKinds = new Set<SyntaxKind>([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
  SyntaxKind.RegularExpressionLiteral,
]);

const functionKinds = new Set<SyntaxKind>([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

function moduleOf(node: Node): string | undefined {
  const specifier =
    isImportDeclaration(node) || isExportDeclaration(node)
      ? node.moduleSpecifier
      : isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword
        ? node.arguments[0]
        : undefined;
  return specifier !== undefined && isStringLiteral(specifier) ? specifier.text : undefined;
}

function isExported(statement: Node): boolean {
  const modifiers =
    "modifiers" in statement ? (statement.modifiers as readonly Node[] | undefined) : undefined;
  return modifiers?.some(({ kind }) => kind === SyntaxKind.ExportKeyword) ?? false;
}

function isDocumented(statement: Node): boolean {
  return "jsDoc" in statement && (statement.jsDoc as readonly Node[] | undefined)?.length !== undefined;
}

// With its literals blank, whatever looks like a comment is one.
function codeOf(text: string, literals: readonly [number, number][]): string {
  const blank = (part: string) => part.replace(/[^\n]/g, " ");
  let code = "";
  let end = 0;
  for (const [from, to] of [...literals].sort(([a], [b]) => a - b)) {
    code += text.slice(end, from) + blank(text.slice(from, to));
    end = to;
  }
  return (code + text.slice(end)).replace(/\/\/.*|\/\*[\s\S]*?\*\//g, blank);
}
