import type { Broken } from './broken-stores.ts'

/** Verbs of two steps, between which another one may decide. */
export const BROKEN_RACES: readonly Broken[] = [
  {
    what: 'a claim looks first and writes later',
    rules: { looksThenWrites: ['claim'] },
    caughtBy: 'of 50 concurrent claims by different owners exactly one is granted',
  },
  ...Object.entries({
    'a completion': 'no renewal undoes a concurrent completion',
    'a release': 'no renewal undoes a concurrent release',
    'a takeover': 'of concurrent renewals and a takeover of a lease that is over exactly one side counts',
    'another renewal': 'of concurrent renewals the longest lease and the longest list of steps stay',
  }).map(
    ([other, caughtBy]): Broken => ({
      what: `renew looks first and writes later, over ${other}`,
      rules: { looksThenWrites: ['renew'] },
      caughtBy,
    }),
  ),
  {
    what: 'complete looks first and writes later',
    rules: { looksThenWrites: ['complete'] },
    caughtBy: 'of concurrent completions with different bytes one counts, and everyone is told that one from then on',
  },
]
