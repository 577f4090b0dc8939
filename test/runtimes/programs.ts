import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

/** The runtimes beside Node, as npm has them. Not dependencies: some 350 MB that only these tests need. */
export const VERSIONS = { bun: '1.4.5', deno: '2.9.6', workerd: '1.20261117.1' } as const
export type Runtime = keyof typeof VERSIONS

/** Where the binary lies in a package for one platform, which npm chooses by `os` and `cpu`. */
const BINARIES: Readonly<Record<Runtime, readonly [scope: string, binary: RegExp]>> = {
  bun: ['@oven', /^bun-[^/]+\/bin\/bun(\.exe)?$/],
  deno: ['@deno', /^[^/]+\/deno(\.exe)?$/],
  workerd: ['@cloudflare', /^workerd-[^/]+\/bin\/workerd(\.exe)?$/],
}

/** Neither may fetch anything, ask anything, or write to the user's own folders. */
export const STARTED: Readonly<Record<Exclude<Runtime, 'workerd'>, readonly string[]>> = {
  bun: ['run', '--no-install'],
  deno: ['run', '--allow-all', '--no-prompt', '--no-remote', '--no-lock', '--node-modules-dir=manual'],
}

const cache = join(import.meta.dirname, '../../.cache')
export const ENV = { ...process.env, DENO_DIR: join(cache, 'deno'), DENO_NO_UPDATE_CHECK: '1', DO_NOT_TRACK: '1' }
const wanted = Object.entries(VERSIONS).map(([name, version]) => `${name}@${version}`)
const hash = createHash('sha256').update(wanted.join()).digest('hex').slice(0, 12)
const folder = join(cache, `runtimes-${hash}`)

/**
 * A describe block that gets the path of the runtime, installed where it is missing. Where npm cannot get it, it is
 * skipped with the reason in its name, except with `CI=true`, where that is a failure.
 */
export function describeOn(runtime: Runtime, body: (binary: string) => void): void {
  describe(`on ${runtime} ${VERSIONS[runtime]}`, async () => {
    const missing = await install()
    const binary = binaryOf(runtime)
    if (binary !== undefined) return body(binary)
    const reason = missing ?? `npm has no ${runtime} for ${process.platform} ${process.arch}`
    if (process.env.CI === 'true') throw new Error(reason)
    it.skip(`(skipped: ${reason})`, () => {})
  })
}

let installing: Promise<string | undefined> | undefined

/** Returns why it failed, if it did. */
function install(): Promise<string | undefined> {
  installing ??= existsSync(folder) ? Promise.resolve(undefined) : download()
  return installing
}

async function download(): Promise<string | undefined> {
  console.error(`onlyonce: installing ${wanted.join(', ')} for the tests of other runtimes`)
  mkdirSync(cache, { recursive: true })
  const part = mkdtempSync(join(cache, 'part-'))
  const args = [
    'install',
    ...wanted,
    '--prefix',
    part,
    '--no-package-lock',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ]
  try {
    await promisify(execFile)('npm', args, { cwd: part, shell: process.platform === 'win32' })
    if (!existsSync(folder)) renameSync(part, folder)
    for (const name of readdirSync(cache)) {
      if (/^runtimes-/.test(name) && join(cache, name) !== folder) rmSync(join(cache, name), { recursive: true })
    }
    return undefined
  } catch (error) {
    return `npm could not install ${wanted.join(', ')}: ${String(error).slice(0, 400)}`
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

function binaryOf(runtime: Runtime): string | undefined {
  const [scope, binary] = BINARIES[runtime]
  const place = join(folder, 'node_modules', scope)
  if (!existsSync(place)) return undefined
  const found = readdirSync(place, { recursive: true, encoding: 'utf8' }).find((path) =>
    binary.test(path.replaceAll('\\', '/')),
  )
  return found === undefined ? undefined : join(place, found)
}
