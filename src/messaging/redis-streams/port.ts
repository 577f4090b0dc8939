import { createHash } from 'node:crypto'
import { reasonOf } from '../../core/errors.ts'
import { invalidKind, invalidOption } from '../../core/option-rules.ts'
import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type {
  IoredisStreams,
  NodeRedisClusterStreams,
  NodeRedisSentinelStreams,
  NodeRedisStreams,
  RedisStreamsClient,
  Word,
} from './client.ts'
import { SOURCE } from './scripts/source.ts'

/** Sends a command that concerns `key`. Bulk strings in the answer come as bytes. */
export type Send = (key: string, words: readonly Word[]) => Promise<unknown>

/** A client may keep a promise open for ever when its connection is lost or its server is silent. */
const COMMAND_LIMIT_MS = 10_000

/** 36 is `$`, the bulk string. */
const AS_BYTES = { typeMapping: { 36: Buffer } } as const

/**
 * Returns the function that sends commands; the kind of client is recognised by its members.
 * @throws OnlyonceError OPTION_INVALID
 */
export function sendWith(client: RedisStreamsClient, runtime: Runtime): Send {
  const send = sender(client)
  const silent = () => new Error(`redis did not answer within ${COMMAND_LIMIT_MS} ms`)
  return (key, words) => timeLimit(runtime, send(key, words), COMMAND_LIMIT_MS, silent)
}

function sender(client: RedisStreamsClient): Send {
  refusePrefix(client)
  const has = (name: string) => Object(client)[name] !== undefined
  if (has('callBuffer')) {
    const ioredis = client as IoredisStreams
    return (_key, [command, ...args]) => ioredis.callBuffer(command as string, args)
  }
  if (has('sendCommand') && has('masters')) {
    const cluster = client as NodeRedisClusterStreams
    return (key, words) => cluster.sendCommand(key, false, [...words], AS_BYTES)
  }
  if (has('sendCommand') && has('acquire')) {
    const sentinel = client as NodeRedisSentinelStreams
    return (_key, words) => sentinel.sendCommand(false, [...words], AS_BYTES)
  }
  if (has('sendCommand') && has('duplicate')) {
    const single = client as NodeRedisStreams
    return (_key, words) => single.sendCommand(words, AS_BYTES)
  }
  // Only the type is shown: a client holds its password.
  throw invalidKind('client', 'must be a client of ioredis, node-redis or iovalkey', client)
}

interface Prefixed {
  readonly keyPrefix?: unknown
}

/** ioredis would put it before the keys of some commands and not of others; node-redis before none that we send. */
function refusePrefix(client: object): void {
  const { options, _keyPrefix } = Object(client) as {
    readonly options?: Prefixed & { readonly redisOptions?: Prefixed }
    /** Of node-redis, whose cluster and sentinel clients do not show their options. */
    readonly _keyPrefix?: unknown
  }
  const prefix = String(options?.keyPrefix || options?.redisOptions?.keyPrefix || _keyPrefix || '')
  if (prefix !== '')
    throw invalidOption('client', 'must not have a keyPrefix: put the prefix into the name of the stream', prefix)
}

export type ScriptName = Exclude<keyof typeof SOURCE, 'owner'>

const SCRIPTS = Object.fromEntries(
  Object.entries(SOURCE).map(([name, text]) => {
    const source = SOURCE.owner + text
    return [name, { source, sha: createHash('sha1').update(source).digest('hex') }]
  }),
) as Record<ScriptName, { readonly source: string; readonly sha: string }>

/** Runs a script, also after a restart, a fail-over or `SCRIPT FLUSH` made the server forget it. */
export type RunScript = (name: ScriptName, keys: readonly string[], args: readonly Word[]) => Promise<unknown>

export function scriptsOn(send: Send): RunScript {
  return async (name, keys, args) => {
    const { source, sha } = SCRIPTS[name]
    const ask = (front: readonly string[]) => send(keys[0] as string, [...front, String(keys.length), ...keys, ...args])
    try {
      return await ask(['EVALSHA', sha])
    } catch (error) {
      if (!reasonOf(error).includes('NOSCRIPT')) throw error
      return ask(['EVAL', source])
    }
  }
}
