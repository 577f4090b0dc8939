// What a package of one's own exports without writing its types down: with `declaration`, the compiler has to find a
// public name for each of them.
import { onlyonce } from 'onlyonce'
import { embeddedQueue } from 'onlyonce/embedded-queue'
import { mysqlStore } from 'onlyonce/mysql'
import { type NotPublished, outbox, relay } from 'onlyonce/outbox'
import { sqliteStore } from 'onlyonce/sqlite'
import { openStore } from 'onlyonce/stores'

declare const pool: Parameters<typeof mysqlStore>[0]['pool']

export const store = sqliteStore({ path: ':memory:' })
export const once = onlyonce({ store, scope: 'payments' })
export const { atomic, options } = once
export const { check, migrate, overdue, within } = store
export const messages = outbox(store)
export const { add, parked } = messages
export const running = relay({ store, publish: async () => [] })
export const queue = embeddedQueue({ path: ':memory:' })
export const { deadLetters, publish, stats } = queue
export const onMysql = onlyonce({ store: mysqlStore({ pool }), scope: 'payments' })
export const insert = (tx: Parameters<Parameters<typeof onMysql.atomic>[1]>[0]) => tx.execute
export const open = openStore
export const codeOf = (error: NotPublished) => error.code
