// npm records in the lockfile only those builds for other platforms that the current registry offers. If one is
// missing, `npm ci` fails on that platform: run this after `npm install` to list them all. Packages that npm found in
// the folder but nobody requires (`extraneous`) are removed: `npm ci` does not install them.
import { readFileSync, writeFileSync } from 'node:fs'

const f = process.argv[2] ?? 'package-lock.json'
const lock = JSON.parse(readFileSync(f, 'utf8'))

/** Packages with a separate package for each platform. */
const SPLIT = ['@biomejs/biome', 'msgpackr-extract']
const PLATFORM = /-(darwin|linux|win32)-(\w+)(-musl)?$/

for (const name of SPLIT) {
  const builds = Object.entries(lock.packages[`node_modules/${name}`]?.optionalDependencies ?? {})
  const model = builds.map(([build]) => lock.packages[`node_modules/${build}`]).find((one) => one !== undefined)
  for (const [build, version] of builds) {
    const path = `node_modules/${build}`
    if (lock.packages[path]) continue
    const [, os, cpu, musl] = PLATFORM.exec(build) ?? []
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(model.dev && { dev: true }),
      ...(musl && { libc: ['musl'] }),
      license: model.license,
      optional: true,
      os: [os],
      ...(model.engines && { engines: model.engines }),
    }
  }
}
const [root, ...rest] = /** @type {[string, unknown][]} */ (Object.entries(lock.packages))
const asked = rest.filter(([, one]) => !(/** @type {{ extraneous?: boolean }} */ (one).extraneous))
lock.packages = Object.fromEntries([root ?? ['', {}], ...asked.sort(([a], [b]) => a.localeCompare(b, 'en'))])
writeFileSync(f, `${JSON.stringify(lock, null, 2)}\n`)
