import type { Lease } from '../../core/record.ts'
import type { ClaimRequest } from '../../core/store.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  isAbove,
  rival,
  type SingleVerbs,
  type StoreCase,
  type StoreContext,
  singleVerbs,
} from './harness.ts'

const group = 'fences'

/** What happens between two claims of one operation. Returns the verbs to continue with. */
type Between = (context: StoreContext, first: ClaimRequest, lease: Lease) => Promise<SingleVerbs>

const BRIEF = { leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }

const EVENTS: Record<string, Between> = {
  'a release': async (context, _, lease) => {
    await context.release(lease)
    return context
  },
  'a takeover': async (context) => {
    await context.pass(BRIEF_MS)
    return context
  },
  'a forgotten running record': async (context, { id }) => {
    await context.store.forget([id])
    return context
  },
  'a forgotten done record': async (context, { id }, lease) => {
    await context.complete(completion(lease, aValue('v')))
    await context.store.forget([id])
    return context
  },
  'a sweep': async (context) => {
    await context.pass(2 * BRIEF_MS)
    await context.store.sweep(100)
    return context
  },
  'the end of retention, unswept': async (context, _, lease) => {
    await context.complete(completion(lease, aValue('v'), BRIEF_MS))
    await context.pass(BRIEF_MS)
    return context
  },
}

const across = Object.entries(EVENTS).map(
  ([name, between]): StoreCase => ({
    name: `fences grow across ${name}`,
    group,
    async run(context) {
      const request = fresh(BRIEF)
      let verbs: SingleVerbs = context
      let last = 0
      for (let round = 0; round < 3; round++) {
        const claimed = rival(request)
        const { lease } = granted(await verbs.claim(claimed))
        isAbove(lease.fence, last)
        last = lease.fence
        verbs = await between(context, claimed, lease)
      }
    },
  }),
)

export const fenceCases: readonly StoreCase[] = [
  ...across,
  {
    name: 'fences grow although a busy operation was claimed faster than the clock ticks, then forgotten',
    group,
    async run({ store, claim, release }) {
      const request = fresh()
      let last = 0
      for (let round = 0; round < 30; round++) {
        const { lease } = granted(await claim(rival(request)))
        isAbove(lease.fence, last)
        last = lease.fence
        await release(lease)
      }
      await store.forget([request.id])
      isAbove(granted(await claim(rival(request))).lease.fence, last)
    },
  },
  {
    name: 'fences grow across a restart, also of a record that was forgotten before it',
    group,
    needs: ['durable', 'reopen'],
    async run({ store, claim, reopen }) {
      const kept = fresh(BRIEF)
      const gone = fresh(BRIEF)
      const last = [granted(await claim(kept)).lease.fence, granted(await claim(gone)).lease.fence] as const
      await store.forget([gone.id])
      const reopened = await (reopen as () => Promise<typeof store>)()
      const verbs = singleVerbs(reopened)
      isAbove(granted(await verbs.claim(rival(gone))).lease.fence, last[1])
      await reopened.forget([kept.id])
      isAbove(granted(await verbs.claim(rival(kept))).lease.fence, last[0])
    },
  },
]
