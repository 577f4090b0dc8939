import type { Store, WriteOutcome } from '../../core/store.ts'
import type { Judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'

/** The shared store as seen by one process: over a network, watched by the judge. */
export function storeOverWire(life: Life, store: Store, judge: Judge, ledger: Ledger, notifies: boolean): Store {
  const { world } = life.worker
  const send = <T>(verb: string, apply: () => Promise<T>): Promise<T> => overTheWire(life, verb, apply)

  /** Records what the owner itself is answered, not a copy of its request. `ends`: an `ok` ends the lease. */
  const heard = <T>(requests: readonly T[], leaseOf: (one: T) => { id: string; fence: number }, ends: boolean) => {
    return (outcomes: readonly WriteOutcome[]) => {
      for (const [index, outcome] of outcomes.entries()) {
        const { id, fence } = leaseOf(requests[index] as T)
        if (outcome === 'lost') ledger.toldLost(id, fence)
        else if (ends) ledger.heardEnd(id, fence)
      }
      return outcomes
    }
  }

  const own: Pick<Store, 'claim' | 'renew' | 'complete' | 'release' | 'find' | 'sweep'> = {
    claim: (requests) =>
      send('claim', async () => {
        const outcomes = await store.claim(requests)
        for (const [index, outcome] of outcomes.entries()) {
          const request = requests[index] as (typeof requests)[number]
          judge.claim(request, outcome)
          if (world.trace !== undefined)
            world.note(`store: ${life.name} claims ${request.id.slice(0, 8)}: ${say(outcome)}`)
        }
        return outcomes
      }),
    renew: (renewals) => {
      for (const { lease, steps } of renewals) if (steps === undefined) ledger.renewing(life, lease.id, lease.fence)
      return send(renewals.some((one) => one.steps !== undefined) ? 'save' : 'renew', async () => {
        const outcomes = await store.renew(renewals)
        for (const [index, outcome] of outcomes.entries())
          judge.renew(renewals[index] as (typeof renewals)[number], outcome)
        return outcomes
      }).then(heard(renewals, (one) => one.lease, false))
    },
    complete: (completions) =>
      send('complete', async () => {
        for (const { lease, result } of completions) ledger.completing(lease.id, lease.fence, result)
        const outcomes = await store.complete(completions)
        for (const [index, outcome] of outcomes.entries()) {
          const one = completions[index] as (typeof completions)[number]
          judge.complete(one, outcome)
          if (world.trace !== undefined) {
            world.note(`store: ${life.name} completes ${one.lease.id.slice(0, 8)} as ${one.result.kind}: ${outcome}`)
          }
        }
        return outcomes
      }).then(heard(completions, (one) => one.lease, true)),
    release: (leases) =>
      send('release', async () => {
        for (const lease of leases) ledger.releasing(lease.id, lease.fence)
        const outcomes = await store.release(leases)
        for (const [index, outcome] of outcomes.entries())
          judge.release(leases[index] as (typeof leases)[number], outcome)
        return outcomes
      }).then(heard(leases, (one) => one, true)),
    find: (ids) => send('find', () => store.find(ids)),
    sweep: (limit) =>
      send('sweep', async () => {
        judge.swept()
        return store.sweep(limit)
      }),
  }
  // Members one by one: spreading the whole store at every process start took most of a schedule's time.
  const { name, traits, list, forget } = store
  const dispose = async () => {}
  const reached: Store = { name, traits, list, forget, ...own, [Symbol.asyncDispose]: dispose }
  if (notifies) {
    reached.watch = (id, wake) =>
      store.watch?.(id, () => void world.after(world.dice.between(1, 8), 'notified', wake, life)) ?? (() => {})
  }
  return reached
}

function say(outcome: { readonly kind: string; readonly lease?: { readonly fence: number } }): string {
  return outcome.lease === undefined ? outcome.kind : `${outcome.kind} fence ${outcome.lease.fence}`
}
