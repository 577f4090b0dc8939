import { createHash } from 'node:crypto'
import { reasonOf } from '../../../core/errors.ts'
import type { Word } from '../client.ts'
import type { RedisPort } from '../port.ts'
import { SOURCE } from './source.ts'

export type ScriptName = Exclude<keyof typeof SOURCE, 'record' | 'compact'>

/** Redis's own clock. */
const SERVER_CLOCK = `local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2], true
end
`

/** For tests: the clock is the last argument, and nothing expires by itself. */
const GIVEN_CLOCK = `local function clock()
  return tonumber(ARGV[#ARGV]), false
end
`

export interface Scripts {
  /** Returns the command of one call. `load` sends the source, for a server that does not have the script. */
  words(script: ScriptName, keys: readonly string[], args: readonly Word[], load?: 'load'): Word[]
  /** Runs a script. Loads it if the server does not have it, as after a restart, a fail-over or `SCRIPT FLUSH`. */
  run(script: ScriptName, keys: readonly string[], args: readonly Word[]): Promise<unknown>
}

export function createScripts(port: RedisPort, compact: boolean, clock: (() => number) | undefined): Scripts {
  const time = clock === undefined ? SERVER_CLOCK : GIVEN_CLOCK
  const front = time + SOURCE.record + (compact ? SOURCE.compact : '')
  const sources = Object.fromEntries(
    Object.entries(SOURCE).map(([name, text]) => {
      const source = front + text
      return [name, { source, sha: createHash('sha1').update(source).digest('hex') }]
    }),
  ) as Record<ScriptName, { readonly source: string; readonly sha: string }>

  function words(script: ScriptName, keys: readonly string[], args: readonly Word[], load?: 'load'): Word[] {
    const { source, sha } = sources[script]
    const now = clock === undefined ? [] : [String(clock() * 1000)]
    return [
      ...(load === undefined ? ['EVALSHA', sha] : ['EVAL', source]),
      String(keys.length),
      ...keys,
      ...args,
      ...now,
    ]
  }

  return {
    words,
    async run(script, keys, args) {
      try {
        return await port.send(keys[0], words(script, keys, args))
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        // EVAL runs the script and caches it: one more round trip, once per server.
        return port.send(keys[0], words(script, keys, args, 'load'))
      }
    },
  }
}

export function isUnknownScript(error: unknown): boolean {
  return reasonOf(error).startsWith('NOSCRIPT')
}
