import { OnlyonceError, reasonOf } from '../../core/errors.ts'

const ONE_NODE = 'it is a node of a cluster: give the store a client of a cluster'

/** Beginnings of Redis errors that a retry does not help, and their meaning. */
const REFUSALS: readonly (readonly [start: RegExp, meaning: string])[] = [
  [/^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)/, 'it refused the user or the password of the client'],
  [
    /^NOPERM|can't run this command|ACL failure/,
    'its user lacks a permission: see the permissions in the reference of the store',
  ],
  [/^OOM/, 'its memory is full (`maxmemory`): give it more, or keep results for a shorter time'],
  [/^MISCONF/, 'it cannot write to its disk and refuses to go on'],
  [/^CROSSSLOT/, ONE_NODE],
  [/^ERR unknown command|^ERR Error compiling/, 'it is older than Redis 5, or does not allow scripts'],
]

/** Only a client of a cluster follows these, and asks again while a slot moves. */
const ELSEWHERE: typeof REFUSALS = [[/^MOVED|^ASK/, ONE_NODE]]

/** Beginnings of errors that pass by themselves: the engine retries with the same tokens. */
const PASSING: readonly (readonly [start: RegExp, meaning: string])[] = [
  [/^READONLY/, 'the client is connected to a replica: a fail-over may be under way'],
  [/^LOADING/, 'it has just started and is reading its data'],
  [
    /^MASTERDOWN|^CLUSTERDOWN|^TRYAGAIN|^MOVED|^ASK|^Too many Cluster redirections/,
    'part of the cluster is not available',
  ],
  [/^NOREPLICAS/, 'fewer replicas follow than its `min-replicas-to-write` asks for'],
  [/^BUSY/, 'a script of somebody else keeps it busy'],
]

/** The error of a script that found something at one of our keys that is not a record. */
const UNREADABLE = /ONLYONCE unreadable (\S+)|WRONGTYPE/

/** Converts an error of the client into one that says what happened and what to do. */
export function explained(verb: string, error: unknown, isCluster: boolean): Error {
  if (OnlyonceError.is(error)) return error
  const reason = reasonOf(error)
  // Redis before 7 puts its own text, sometimes twice, before the error that a script met.
  const said = reason.replace(/^ERR Error running script.*?: (?:@user_script: ?\d+: )*-?/, '')
  const unreadable = UNREADABLE.exec(said)
  if (unreadable !== null) return unreadableAt(unreadable[1] ?? 'one of the keys', error)
  const known = (table: typeof REFUSALS) => table.find(([start]) => start.test(said))?.[1]
  const refusal = known(isCluster ? REFUSALS : [...REFUSALS, ...ELSEWHERE])
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
