import { OnlyonceError, reasonOf } from '../../core/errors.ts'

/** What Redis says first, and what it means to whoever asked. */
const REFUSALS: readonly (readonly [start: RegExp, meaning: string])[] = [
  [/^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)/, 'it refused the user or the password of the client'],
  [
    /^NOPERM|can't run this command|ACL/,
    'its user lacks a permission: see the permissions in the reference of the store',
  ],
  [/^OOM/, 'its memory is full (`maxmemory`): give it more, or keep results for a shorter time'],
  [/^MISCONF/, 'it cannot write to its disk and refuses to go on'],
  [/^ERR unknown command|^ERR Error compiling/, 'it is older than Redis 5, or does not allow scripts'],
]

/** What passes by itself: the engine asks again, with the same tokens. */
const PASSING: readonly (readonly [start: RegExp, meaning: string])[] = [
  [/^READONLY/, 'the client is connected to a replica: a fail-over may be under way'],
  [/^LOADING/, 'it has just started and is reading its data'],
  [
    /^MASTERDOWN|^CLUSTERDOWN|^TRYAGAIN|^MOVED|^ASK|^Too many Cluster redirections/,
    'part of the cluster is not available',
  ],
  [/^BUSY/, 'a script of somebody else keeps it busy'],
]

/** A script that met something at a key of ours that we did not write. */
const UNREADABLE = /ONLYONCE unreadable (\S+)|WRONGTYPE/

/** An error of the client, in words that say what happened to what and what to do. */
export function explained(verb: string, error: unknown): Error {
  if (OnlyonceError.is(error)) return error
  const reason = reasonOf(error)
  // Redis 7 puts its own words in front of those that a script ran into.
  const said = reason.replace(/^ERR Error running script.*?: (?:@user_script: ?\d+: )?/, '')
  const unreadable = UNREADABLE.exec(said)
  if (unreadable !== null) return unreadableAt(unreadable[1] ?? 'one of the keys', error)
  const known = (table: typeof REFUSALS) => table.find(([start]) => start.test(said))?.[1]
  const refusal = known(REFUSALS)
  if (refusal !== undefined) {
    return new OnlyonceError('STORE_UNAVAILABLE', `redis did not ${verb}: ${refusal} (${reason})`, { cause: error })
  }
  return new Error(`redis did not ${verb}: ${known(PASSING) ?? 'the connection failed'} (${reason})`, { cause: error })
}

export function unreadableAt(key: string, cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `redis holds something at ${key} that is not a record of this onlyonce (${reasonOf(cause)}); ` +
      'the effect was not run: look at it, then forget it or upgrade',
    { cause },
  )
}
