import type { AtomicClaims, OutboxTable, Store, TransactionalStore } from '../../core/store.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { Database, EffectRow, ServerTx } from './database.ts'
import type { Judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import { storeOverWire } from './store-over-wire.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'

/** A transaction as the client sees it. */
export interface SimTx {
  /** Writes a row into the user's table. */
  write(row: EffectRow): Promise<void>
  readonly server: ServerTx
  /** Sends one statement; after a broken connection or a time-out all further ones are refused. */
  statement<T>(verb: string, apply: () => Promise<T> | T): Promise<T>
}

/** The database as one process reaches it, with a connection for each transaction. */
export function databaseOverWire(
  life: Life,
  database: Database,
  judge: Judge,
  ledger: Ledger,
  timeoutMs: number,
): TransactionalStore<SimTx> {
  const verbs = storeOverWire(life, { ...UNUSED, ...database.verbs }, judge, ledger, false)
  return {
    ...verbs,
    name: 'simulated database',
    traits: { durable: true, transactional: true, survivesFailover: true, selfExpiring: false },
    transaction: (work) => transaction(life, database, timeoutMs, work),
    within: (tx) => within(database, tx),
    outbox: outboxOverWire(life, database),
  }
}

async function transaction<T>(
  life: Life,
  database: Database,
  timeoutMs: number,
  work: (tx: SimTx) => Promise<T>,
): Promise<T> {
  const server = database.begin()
  let broken: unknown
  const connectionLost = () => {
    const { world } = life.worker
    world.delayed(world.dice.between(0, 200), 'database sees a connection is gone', () => database.rollback(server))
  }
  const statement = async <A>(verb: string, apply: () => Promise<A> | A): Promise<A> => {
    if (broken !== undefined) throw broken
    const silent = () => new Error(`${verb}: no answer within ${timeoutMs} ms`)
    // A refusal by the database does not break the connection; returned as a value to tell it apart.
    const answer = async () => {
      try {
        return { value: await apply() }
      } catch (refused) {
        return { refused }
      }
    }
    let reply: { readonly value: A } | { readonly refused: unknown }
    try {
      reply = await timeLimit(life.runtime, overTheWire(life, verb, answer, { onceOnly: true }), timeoutMs, silent)
    } catch (error) {
      broken = error
      connectionLost()
      throw error
    }
    if ('refused' in reply) throw reply.refused
    return reply.value
  }
  const tx: SimTx = {
    server,
    statement,
    write: (row) => statement('write', () => database.write(server, row)),
  }
  const forgetCrash = life.onCrash(connectionLost)
  try {
    let value: T
    try {
      value = await work(tx)
    } catch (error) {
      // Awaited, so that nothing of it is left when the caller gets the error; if it fails, the connection is dropped.
      await statement('rollback', () => database.rollback(server)).catch(() => {})
      throw error
    }
    try {
      await statement('commit', () => database.commit(server))
    } catch (error) {
      const { world } = life.worker
      if (server.committed) world.count(`state: ${many(server)} committed, its answer lost`)
      throw error
    }
    return value
  } finally {
    forgetCrash()
  }
}

function many({ effects }: ServerTx): string {
  return effects.length > 1 ? 'a batch' : 'one effect'
}

function within(database: Database, { server, statement }: SimTx): AtomicClaims {
  return {
    claim: (request) => statement('claim in tx', () => database.claim(server, request)),
    claimAll: (requests) => statement('claim all in tx', () => database.claimAll(server, requests)),
    complete: (completion) => statement('complete in tx', () => database.complete(server, completion)),
    async guarded(work) {
      const records = new Map(server.records)
      const [effects, messages] = [server.effects.length, server.messages.length]
      try {
        return await work()
      } catch (error) {
        await statement('rollback to', () => {
          server.records.clear()
          for (const [id, record] of records) server.records.set(id, record)
          server.effects.length = effects
          server.messages.length = messages
        })
        throw error
      }
    },
  }
}

function outboxOverWire(life: Life, database: Database): OutboxTable<SimTx> {
  const rows = database.outbox
  // No time limit: the relay must have its own.
  const send = <T>(verb: string, apply: () => T) => overTheWire(life, verb, async () => apply())
  return {
    append: (tx, messages) => tx.statement('append', () => database.append(tx.server, messages)),
    take: (...asked) => send('take', () => rows.take(...asked)),
    settle: (results) => send('settle', () => rows.settle(results)),
    leave: (relay) => send('leave', () => rows.leave(relay)),
    stats: () => send('stats', () => rows.stats()),
    parked: (limit, after) => send('parked', () => rows.parked(limit, after)),
    unpark: (positions) => send('decide', () => rows.unpark(positions)),
    discard: (positions) => send('decide', () => rows.discard(positions)),
  }
}

const absent = async (): Promise<never> => {
  throw new Error('not part of the simulation')
}

const UNUSED: Store = {
  name: '',
  traits: { durable: true, transactional: false, survivesFailover: true, selfExpiring: false },
  claim: absent,
  renew: absent,
  complete: absent,
  release: absent,
  find: absent,
  list: absent,
  forget: absent,
  sweep: absent,
  [Symbol.asyncDispose]: async () => {},
}
