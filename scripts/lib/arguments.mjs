import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * The arguments of a script, as `parseArgs` reads them. Prints how it is used and ends the process for `--help`, and
 * with exit code 2 for arguments that there are not. A default is printed with its option.
 * @template {import('node:util').ParseArgsConfig} Config
 * @param {Config} config
 * @returns {ReturnType<typeof parseArgs<Config>>}
 */
export function readArguments(config) {
  const script = nameOf(process.argv[1] ?? '')
  try {
    const options = { ...config.options, help: { type: /** @type {const} */ ('boolean'), short: 'h' } }
    const values = /** @type {Record<string, unknown>} */ (parseArgs({ ...config, options }).values)
    if (values.help !== true) return parseArgs(config)
    console.log(usageOf(script, config))
    process.exit(0)
  } catch (error) {
    console.error(`${script}: ${error instanceof Error ? error.message : error}\n${usageOf(script, config)}`)
    process.exit(2)
  }
}

/** Ends the process with exit code 2. @param {string} message @returns {never} */
export function refuseArguments(message) {
  console.error(`${nameOf(process.argv[1] ?? '')}: ${message}`)
  process.exit(2)
}

/** The number that an option was given. Ends the process unless it is an integer from `least` on. @param {string} option @param {string} text @param {number} [least] */
export function integerOf(option, text, least = 1) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= least) return value
  const rule = least === 1 ? 'a positive integer' : `an integer from ${least} on`
  return refuseArguments(`--${option} must be ${rule}; got ${text}`)
}

/** As `integerOf`, for a time that may be a part of a second. @param {string} option @param {string} text */
export function secondsOf(option, text) {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0) return value
  return refuseArguments(`--${option} must be a number of seconds, such as 0.4; got ${text}`)
}

/** The benches are `run.mjs` in folders of their own. @param {string} path */
function nameOf(path) {
  const [script, folder] = [basename(path, '.mjs'), basename(dirname(path))]
  if (script !== 'run') return script
  return folder === 'bench' ? folder : `bench:${folder}`
}

/** @param {string} script @param {import('node:util').ParseArgsConfig} config */
function usageOf(script, { options = {}, allowPositionals = false }) {
  const named = Object.entries(options).map(([name, { type, default: usual }]) => {
    if (type === 'boolean') return `[--${name}]`
    return `[--${name} ${usual === undefined ? 'VALUE' : `VALUE (${usual})`}]`
  })
  return `usage: ${[script, ...named, ...(allowPositionals ? ['[NAME…]'] : [])].join(' ')}`
}
