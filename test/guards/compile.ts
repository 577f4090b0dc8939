import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformSync } from 'esbuild'
import { root, run, tscBin } from '../built.ts'

export const COMPILERS = ['esbuild', 'tsc'] as const
export const MODES = ['standard', 'experimentalDecorators'] as const
export type Compiler = (typeof COMPILERS)[number]
export type Mode = (typeof MODES)[number]

const cache = join(root, '.cache', 'decorators')
const folders: string[] = []

/** A fixture that imports nothing but types, compiled as a user's build does it, and loaded. */
export async function load<Module>(fixture: string, compiler: Compiler, mode: Mode): Promise<Module> {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, `${compiler}-`))
  folders.push(folder)
  const source = readFileSync(join(root, 'test', 'guards', 'fixtures', `${fixture}.ts`), 'utf8')
  const file = join(folder, `${fixture}.mjs`)
  const experimentalDecorators = mode === 'experimentalDecorators'
  if (compiler === 'esbuild') {
    const tsconfigRaw = { compilerOptions: { experimentalDecorators, target: 'es2022', useDefineForClassFields: true } }
    writeFileSync(file, transformSync(source, { loader: 'ts', format: 'esm', target: 'es2022', tsconfigRaw }).code)
  } else {
    writeFileSync(join(folder, `${fixture}.mts`), source)
    const flags = ['--target', 'es2022', '--module', 'nodenext', '--ignoreConfig', '--noCheck', '--noResolve']
    const legacy = experimentalDecorators ? ['--experimentalDecorators'] : []
    const ran = run(process.execPath, [tscBin, ...flags, ...legacy, `${fixture}.mts`], folder)
    if (ran.code !== 0) throw new Error(ran.stdout + ran.stderr)
  }
  return (await import(pathToFileURL(file).href)) as Module
}

/** What the compiler says about a fixture in that mode. */
export function typeErrors(fixture: string, mode: Mode): string {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'types-'))
  folders.push(folder)
  const compilerOptions = { noEmit: true, experimentalDecorators: mode === 'experimentalDecorators', rootDir: root }
  const include = [join(root, 'test', 'guards', 'fixtures', `${fixture}.ts`)]
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../../tsconfig.base.json', compilerOptions, files: include }),
  )
  return run(process.execPath, [tscBin, '-p', folder, '--pretty', 'false'], folder).stdout
}

export function removeCompiled(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}
