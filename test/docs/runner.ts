import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { transformSync } from 'esbuild'
import { type Ran, root, run, tscBin } from '../built.ts'

/** Inside the repository, so that `import 'onlyonce'` resolves to this package, through its own `exports`. */
export const docsCache = join(root, '.cache', 'docs')

export interface Snippet {
  /** Unique, and usable as a file name. */
  readonly id: string
  readonly code: string
  /** Line of the page where the code starts: the file is padded, so that the compiler's lines are the page's. */
  readonly line: number
}

/** Compiler messages by snippet id, from one run of the compiler over all of them. */
export function typeCheck(snippets: readonly Snippet[]): Map<string, string[]> {
  const dir = join(docsCache, 'types')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const compilerOptions = { noEmit: true, noUnusedLocals: false, noUnusedParameters: false }
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({ extends: '../../../tsconfig.base.json', compilerOptions, include: ['*.ts'] }),
  )
  for (const { id, code, line } of snippets) writeFileSync(join(dir, `${id}.ts`), '\n'.repeat(line - 1) + code)
  const messages = new Map<string, string[]>()
  if (snippets.length === 0) return messages
  const ran = run(process.execPath, [tscBin, '-p', dir, '--pretty', 'false'], dir)
  let last = ''
  for (const line of ran.stdout.split('\n').filter((text) => text !== '')) {
    const [, file, at, message] = /^(.*)\.ts\((\d+),\d+\): (.*)$/.exec(line) ?? []
    if (file !== undefined) last = basename(file)
    messages.set(last, [...(messages.get(last) ?? []), file === undefined ? line.trim() : `line ${at}: ${message}`])
  }
  return messages
}

/** Runs TypeScript with types stripped, in an empty directory: what it writes is its own business. */
export function runTypeScript(id: string, code: string, env: NodeJS.ProcessEnv = {}): Ran {
  const dir = join(docsCache, 'run')
  mkdirSync(dir, { recursive: true })
  const file = join(dir, `${id}.mjs`)
  writeFileSync(file, transformSync(code, { loader: 'ts', format: 'esm', target: 'node20' }).code)
  return inEmptyDirectory((cwd) => run(process.execPath, [file], cwd, env))
}

/** Runs a shell block in an empty directory where `npx onlyonce` and `import 'onlyonce'` are this build. */
export function runShell(code: string): Ran {
  return inEmptyDirectory((cwd) => {
    mkdirSync(join(cwd, 'node_modules', '.bin'), { recursive: true })
    writeFileSync(join(cwd, 'package.json'), '{ "private": true, "type": "module" }\n')
    symlinkSync(root, join(cwd, 'node_modules', 'onlyonce'), 'junction')
    const bin = join(cwd, 'node_modules', '.bin', 'onlyonce')
    writeFileSync(bin, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"\n`)
    chmodSync(bin, 0o755)
    const PATH = [join(cwd, 'node_modules', '.bin'), join(process.execPath, '..'), process.env.PATH].join(delimiter)
    return run('bash', ['-euo', 'pipefail', '-c', code], cwd, { PATH, npm_config_yes: 'false' })
  })
}

function inEmptyDirectory(work: (cwd: string) => Ran): Ran {
  const base = join(docsCache, 'cwd')
  mkdirSync(base, { recursive: true })
  const cwd = mkdtempSync(join(base, 'x-'))
  try {
    return work(cwd)
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** What the code says it prints: the text of its `// prints: …` comments, in order. */
export function promisedOutput(code: string): string[] {
  return [...code.matchAll(/\/\/ prints: (.*)$/gm)].map((match) => (match[1] ?? '').trim())
}
