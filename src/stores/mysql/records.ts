import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { decideComplete, decideRelease, decideRenew, retained } from '../../core/lifecycle.ts'
import type { Lease } from '../../core/record.ts'
import type { ClaimRequest, Completion, Renewal, Store, WriteOutcome } from '../../core/store.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { listedRow } from '../sql/listed.ts'
import { toObserved } from '../sql/rows.ts'
import type { SchemaVerbs } from '../sql/schema.ts'
import type { Asking } from './asking.ts'
import { claimBatch, look } from './claiming.ts'
import { claimSize, completionFields, renewalFields, requireNewestStep, roomIn } from './fitting.ts'
import type { Floors } from './floors.ts'
import { batched, leaseFields, readable, sizeOf, textField } from './packing.ts'
import { batches, sorted } from './portions.ts'
import { type Settling, settleBatch } from './settling.ts'
import type { Statements } from './statements.ts'
import { createSweep } from './sweeping.ts'

type Records = Pick<Store, 'claim' | 'renew' | 'complete' | 'release' | 'find' | 'list' | 'forget' | 'sweep'> &
  Pick<SchemaVerbs, 'overdue'>

/** The verbs outside of transactions. */
export function createRecords(asking: Asking, statements: Statements, floors: Floors): Records {
  const { ask } = asking

  /** The first batch of `items`. Call with a connection at hand: before, the server's packet limit is unknown. */
  function portion<Item>(items: readonly Item[], size: (item: Item) => number): readonly Item[] {
    const [first = []] = batches(items, size, roomIn(asking.maxPacketBytes))
    return first
  }

  async function settle<Item>(verb: string, items: readonly Item[], settling: Settling<Item>) {
    const size = (item: Item) => sizeOf(settling.fields(item))
    const answers = new Map<Item, WriteOutcome>()
    let left = sorted(items, settling.leaseOf)
    while (left.length > 0) {
      const settled = await ask(
        verb,
        (send) => settleBatch(send, statements, floors, settling, portion(left, size)),
        settling.once,
      )
      for (const [item, outcome] of settled) answers.set(item, outcome)
      left = left.slice(settled.size)
    }
    return items.map((item) => answers.get(item) as WriteOutcome)
  }

  const renewing: Settling<Renewal> = {
    statement: statements.renew,
    leaseOf: ({ lease }) => lease,
    fields: (renewal) => renewalFields(renewal, asking.maxPacketBytes),
    // Never writes again: a renewal already written and one that changes nothing look the same, and neither needs it.
    decide: (current, renewal, now) => ({ outcome: decideRenew(current, renewal, now).outcome }),
  }
  const completing: Settling<Completion> = {
    statement: statements.complete,
    leaseOf: ({ lease }) => lease,
    fields: (completion) => completionFields(completion, asking.maxPacketBytes),
    decide: decideComplete,
  }
  const releasing: Settling<Lease> = {
    statement: statements.release,
    leaseOf: (lease) => lease,
    fields: leaseFields,
    decide: decideRelease,
    // The engine has to know that it was sent before, because a second one may find another owner.
    once: 'once',
  }

  return {
    async claim(requests) {
      const outcomes = new Map<string, Awaited<ReturnType<typeof claimBatch>>[number]>()
      let left = sorted(requests, (one) => one)
      while (left.length > 0) {
        const answers = await ask('claim', (send) => claimBatch(send, statements, floors, portion(left, claimSize)))
        for (const [index, answer] of answers.entries()) outcomes.set((left[index] as ClaimRequest).id, answer)
        left = left.slice(answers.length)
      }
      return requests.map(({ id }) => outcomes.get(id) as NonNullable<ReturnType<typeof outcomes.get>>)
    },
    async renew(renewals) {
      const outcomes = await settle('renew', renewals, renewing)
      for (const [index, renewal] of renewals.entries())
        if (outcomes[index] === 'ok') requireNewestStep(renewal, asking.maxPacketBytes)
      return outcomes
    },
    complete: (completions) => settle('complete', completions, completing),
    release: (leases) => settle('release', leases, releasing),
    async find(ids) {
      if (ids.length === 0) return []
      const rows = await ask('find', (send) =>
        look(
          send,
          statements,
          floors,
          ids.map((id) => ({ id })),
        ),
      )
      const byNumber = new Map(rows.map((row) => [Number(row.n), row]))
      return ids.map((_, index) => {
        const row = byNumber.get(index + 1)
        if (row === undefined || row.id === null || isForgotten(row)) return undefined
        const record = toObserved(row)
        return retained(record, record.readAt) && record
      })
    },
    async list({ state, scope, limit, after }) {
      const sql = statements.list(state ?? 'any', scope !== undefined, limit + 1)
      const from = after === undefined ? '' : checkedId(after)
      const values = scope === undefined ? [from] : [from, textField(scope)]
      const rows = await ask('list', (send) => send.rows(sql, values))
      const items = rows.slice(0, limit).map((row) => listedRow(readable(row)))
      const last = items.at(-1)
      return rows.length > items.length && last !== undefined ? { items, next: last.id } : { items }
    },
    async forget(ids) {
      let forgotten = 0
      for (const batch of batches([...ids].sort())) {
        const rows = batch.map((id) => [id])
        // Once: the operation may have run again meanwhile, and its new record must not be removed.
        const answer = await ask('forget', (send) => send.write(...batched(statements.forget, rows)), 'once')
        forgotten += answer.affectedRows
      }
      return forgotten
    },
    async overdue() {
      const [row] = await ask('count what is overdue', (send) => send.rows(statements.overdue, []))
      return { count: Number(row?.count ?? 0), oldestMs: Number(row?.oldest ?? 0) / 1000 }
    },
    sweep: createSweep(ask, statements, floors),
  }
}

function checkedId(after: string): string {
  if (/^[0-9a-f]{32}$/.test(after)) return after
  throw new OnlyonceError('OPTION_INVALID', `\`after\` must be the \`next\` of an earlier page; got ${quote(after)}`)
}
