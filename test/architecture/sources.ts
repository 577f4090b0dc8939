import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))

export interface Import {
  readonly specifier: string
  readonly dynamic: boolean
}

export interface Source {
  /** Relative to `src`, with forward slashes. */
  readonly path: string
  /** First folder, or the file name for files directly in `src`. */
  readonly layer: string
  readonly lines: number
  /** Without comments. */
  readonly code: string
  readonly imports: readonly Import[]
}

/** Strings come first in the pattern, so that `'http://…'` is not taken for a comment. */
const STRING_OR_COMMENT = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g
const STATIC_IMPORT = /^\s*(?:import|export)\b(?:[^'"`;()]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const DYNAMIC_IMPORT = /\bimport\(\s*['"]([^'"\n]+)['"]/g
const REQUIRE = /\brequire\w*\(\s*['"]([^'"\n]+)['"]/g

/** Every source file that ends up in the package; tests beside sources are not sources. */
export function readSources(): readonly Source[] {
  return readdirSync(src, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|bench)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const path = file
        .slice(src.length + 1)
        .split(sep)
        .join('/')
      return parseSource(path, readFileSync(file, 'utf8'))
    })
}

export function parseSource(path: string, text: string): Source {
  const code = text.replace(STRING_OR_COMMENT, (_, string: string | undefined) => string ?? '')
  const found = (pattern: RegExp, dynamic: boolean): Import[] =>
    [...code.matchAll(pattern)].map((match) => ({ specifier: match[1] ?? '', dynamic }))
  return {
    path,
    layer: path.split('/')[0] ?? path,
    lines: text.trimEnd().split('\n').length,
    code,
    imports: [...found(STATIC_IMPORT, false), ...found(DYNAMIC_IMPORT, true), ...found(REQUIRE, true)],
  }
}

/** The file of `src` that a relative import names, or undefined when it leaves `src`. */
export function targetOf(source: Source, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(source.path), specifier)
  return target.startsWith('../') ? undefined : target
}

/** The code with its quoted strings emptied; template literals stay, they can hold code. */
export function withoutStrings(code: string): string {
  return code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''")
}
