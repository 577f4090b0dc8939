import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathOf } from './installed.mjs'
import { jarFolder } from './jars.mjs'

/** Java 17 or later. */
export const JAVA = { commands: ['java'], packages: ['openjdk-17-jre-headless'] }

/**
 * @typedef {object} JavaProgram
 * @property {string} jars A folder of services/java.
 * @property {string} main
 * @property {string} dir Its own folder, also for temporary files, so that nothing is left when it is killed.
 * @property {number} heapMb
 * @property {readonly string[]} [flags]
 * @property {readonly string[]} args
 */

/** The command line of a server that starts quickly and stays small. @param {JavaProgram} program */
export function java({ jars, main, dir, heapMb, flags = [], args }) {
  const temporary = join(dir, 'tmp')
  mkdirSync(temporary, { recursive: true })
  return {
    command: pathOf('java', JAVA),
    args: [
      `-Xmx${heapMb}m`,
      // Two thirds of the start-up is compilation: the quick compiler is enough for a test server.
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-XX:-UsePerfData',
      `-Djava.io.tmpdir=${temporary}`,
      ...flags,
      '-cp',
      join(jarFolder(jars), '*'),
      main,
      ...args,
    ],
  }
}
