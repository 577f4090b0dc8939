import { MODES } from './scenario.ts'

/**
 * What a run of many seeds must have reached to be meaningful: each fault class, each fault at each kind of message,
 * each state of the engine. A run without them has tested less than it claims.
 */
export const REQUIRED: readonly string[] = [
  ...MODES.map((mode) => `mode: ${mode}`),
  ...['crash', 'crash-at-send', 'pause', 'pause longer than the lease', 'duplicate call', 'duplicate delivery'].map(
    fault,
  ),
  ...['lost-request', 'lost-reply', 'slow-request', 'slow-reply', 'sent-again'].map(fault),
  ...['publish refused', 'publish refused for good', 'consumer stopped'].map(fault),
  ...[
    'clock skew',
    'clock drift',
    'clock step',
    'sweep',
    'forget',
    'store clock set back',
    'store clock set forward',
  ].map(fault),
  ...['throws-before', 'throws-after', 'hangs', 'hangs-until-aborted', 'slow'].map((kind) => fault(`effect ${kind}`)),
  ...each([
    'claim',
    'renew',
    'save',
    'complete',
    'release',
    'ack',
    'nack',
    'extend',
    'publish',
    'settle',
    'take',
    'receive',
  ]),
  ...each(['parked', 'decide'], ['lost-reply', 'sent-again']),
  ...each(
    ['claim in tx', 'claim all in tx', 'write', 'append', 'commit'],
    ['crash-at-send', 'lost-request', 'lost-reply', 'slow-request'],
  ),
  ...['takeover', 'fenced out', 'replay', 'busy', 'mismatch', 'own claim asked again', 'the key was new again'].map(
    state,
  ),
  ...['own claim asked again after the release', 'step replayed', 'stale effect refused by its fence'].map(state),
  ...['reconciled, had happened', 'reconciled, had not', 'effect repeated', 'effect stopped by its signal'].map(state),
  ...['swept', 'committed', 'rolled back', 'waited for a row', 'redelivered', 'published twice'].map(state),
  ...['relay taken over', 'asked again without an answer'].map(state),
  ...['parked in the outbox', 'unparked', 'discarded'].map(state),
  ...['batch of several', 'copies in one batch', 'redelivered in a batch'].map(state),
  ...['part of a failed batch', 'alone after a failed batch'].map(state),
  ...['one effect', 'a batch'].map((what) => state(`${what} committed, its answer lost`)),
  ...['throws', 'unprocessable', 'kills'].map((poison) => state(`poison that ${poison} put aside`)),
  ...['failed', 'unknown'].map((how) => state(`started once, put aside as ${how}`)),
  ...['executed', 'replayed', 'failed', 'mismatch', 'unknown', 'in-flight'].map((kind) => `answer: ${kind}`),
  ...['STORE_UNAVAILABLE', 'LEASE_LOST', 'OUTCOME_UNKNOWN', 'IN_FLIGHT', 'KEY_REUSED'].map((code) => `answer: ${code}`),
  ...['ack', 'retry', 'dead-letter', 'none'].map((verdict) => `verdict: ${verdict}`),
  ...['claimed', 'abandoned', 'executed', 'failed', 'replayed', 'lease-lost', 'unknown'].map(
    (type) => `event: ${type}`,
  ),
]

/** Returns the required names that were never reached. */
export function unreached(
  counts: ReadonlyMap<string, number>,
  required: readonly string[] = REQUIRED,
): readonly string[] {
  return required.filter((name) => !counts.has(name))
}

export function addCounts(total: Map<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [name, count] of more) total.set(name, (total.get(name) ?? 0) + count)
}

function each(
  verbs: readonly string[],
  kinds: readonly string[] = [
    'crash-at-send',
    'lost-request',
    'lost-reply',
    'slow-request',
    'slow-reply',
    'sent-again',
  ],
): readonly string[] {
  return verbs.flatMap((verb) => kinds.map((kind) => `${kind} at ${verb}`))
}

function fault(name: string): string {
  return `fault: ${name}`
}

function state(name: string): string {
  return `state: ${name}`
}
