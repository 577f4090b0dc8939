// Servers that come as jars from Maven Central, fetched once into the cache of the repository.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from '../../scripts/lib/lock.mjs'
import { cacheDir, root } from '../../scripts/lib/paths.mjs'
import { find, installPackages, MissingServer } from './installed.mjs'

const MAVEN = { commands: ['mvn'], packages: ['maven'] }

/** The folder name has a hash of the POM: another version is another folder. @param {string} name */
export function jarFolder(name) {
  const hash = createHash('sha256')
    .update(readFileSync(pomOf(name)))
    .digest('hex')
    .slice(0, 12)
  return join(cacheDir, 'jars', `${name}-${hash}`)
}

/** @param {string} name A folder of services/java. */
export async function requireJars(name) {
  const folder = jarFolder(name)
  if (existsSync(folder)) return
  // One at a time: Maven's own repository is not safe to write to from two processes.
  await withLock('services-jars', async () => {
    if (!existsSync(folder)) await download(name, folder)
  })
}

/** @param {string} name */
const pomOf = (name) => join(root, 'services', 'java', name, 'pom.xml')

/** @param {string} name @param {string} folder */
async function download(name, folder) {
  if (find('mvn', MAVEN) === undefined) await installPackages(MAVEN.packages)
  const mvn = find('mvn', MAVEN)
  if (mvn === undefined)
    throw new MissingServer(`${name} comes as jars by Maven, which is not installed: install it, or ${orCompose(name)}`)
  console.error(`onlyonce: downloading the jars of ${name}`)
  mkdirSync(join(cacheDir, 'jars'), { recursive: true })
  const stage = `${folder}.part`
  rmSync(stage, { recursive: true, force: true })
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${stage}`]
  const { code, output } = await run(mvn, ['-B', '-q', '-f', pomOf(name), ...goal])
  if (code !== 0 || !existsSync(stage))
    throw new MissingServer(
      `the jars of ${name} could not be downloaded; look at the network, or ${orCompose(name)}: ${output.trim().slice(-600)}`,
    )
  renameSync(stage, folder)
  for (const other of readdirSync(join(cacheDir, 'jars'))) {
    const old = join(cacheDir, 'jars', other)
    if (other.startsWith(`${name}-`) && old !== folder) rmSync(old, { recursive: true, force: true })
  }
}

/** @param {string} name */
const orCompose = (name) => `start ${name} with services/compose.yaml and give its URL`

/** @param {string} command @param {readonly string[]} args @returns {Promise<{ code: number | null, output: string }>} */
function run(command, args) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('error', (error) => resolve({ code: null, output: error.message }))
    child.once('close', (code) => resolve({ code, output }))
  })
}
