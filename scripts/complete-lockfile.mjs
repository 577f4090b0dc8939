// npm writes into the lockfile only the builds of other platforms that the registry in use offers. Where one is missing,
// `npm ci` fails on that platform: run this after `npm install` to name them all again.
import { readFileSync, writeFileSync } from 'node:fs'

const f = process.argv[2] ?? 'package-lock.json'
const lock = JSON.parse(readFileSync(f, 'utf8'))
const want = lock.packages['node_modules/@biomejs/biome'].optionalDependencies
const model = lock.packages['node_modules/@biomejs/cli-linux-x64']
for (const [name, version] of Object.entries(want)) {
  const path = `node_modules/${name}`
  if (lock.packages[path]) continue
  const [, os, cpu, musl] = /cli-(\w+)-(\w+)(-musl)?$/.exec(name) ?? []
  lock.packages[path] = {
    version,
    cpu: [cpu],
    dev: true,
    ...(musl && { libc: ['musl'] }),
    license: model.license,
    optional: true,
    os: [os],
    engines: model.engines,
  }
}
const [root, ...rest] = /** @type {[string, unknown][]} */ (Object.entries(lock.packages))
lock.packages = Object.fromEntries([root ?? ['', {}], ...rest.sort(([a], [b]) => a.localeCompare(b, 'en'))])
writeFileSync(f, `${JSON.stringify(lock, null, 2)}\n`)
