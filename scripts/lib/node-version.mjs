import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

/** Ends the process with a clear message if this Node is older than `engines` in package.json. */
export function requireNode() {
  const range = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node
  const wanted = numbers(range.replace('>=', ''))
  const found = numbers(process.versions.node)
  if (found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1])) return
  console.error(`onlyonce needs Node ${range}; this is ${process.version} (${process.execPath}).`)
  console.error('Get a current one from https://nodejs.org and run the same command again.')
  process.exit(1)
}

/** @param {string} version @returns {[number, number]} */
function numbers(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}
