import { setTimeout as pause } from 'node:timers/promises'
import { orderFaults } from '../faults/plan.ts'
import type { Order } from '../order.ts'
import { NoAnswer, post, type Reply } from '../system/http.ts'
import type { Addresses, Started, WorkerSetup } from '../system/messages.ts'
import { readOrdersFile } from '../system/orders-file.ts'
import { createProgress } from '../system/progress.ts'

/** What the customers saw. */
export interface ClientResult {
  /** Requests that reached an API worker, or may have. */
  readonly requests: number
  /** Orders that never got a successful answer. */
  readonly unanswered: number
}

const CONCURRENT_ORDERS = 64
const TIMEOUT_MS = 2_000
/** Longer than any lease and any restart takes; a customer without an answer by then gives up. */
const PATIENCE_MS = 30_000
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 300

/**
 * The customers: submits every order, clicks twice, hangs up, and asks again until the shop succeeds. In both runs
 * every request for an order carries the same `Idempotency-Key`; using it is up to the shop.
 */
export async function client({ orders: file, seed }: WorkerSetup): Promise<Started> {
  const orders = readOrdersFile(file)
  const shop = createShop()
  const progress = createProgress()
  let unanswered = 0
  let next = 0

  async function customer(): Promise<void> {
    for (;;) {
      const order = orders[next++]
      if (order === undefined) return
      if (!(await place(order))) unanswered++
      progress.add(1)
    }
  }

  /** Sends all clicks at once; the order is placed when each of them has its answer. */
  async function place(order: Order): Promise<boolean> {
    const { clicks, hangUpMs } = orderFaults(seed, order.orderId)
    const answers = Array.from({ length: clicks }, (_, click) =>
      untilAnswered(order, click === 0 ? hangUpMs : undefined),
    )
    return (await Promise.all(answers)).every(Boolean)
  }

  async function untilAnswered(order: Order, hangUpMs: number | undefined): Promise<boolean> {
    const deadline = Date.now() + PATIENCE_MS
    if (hangUpMs !== undefined) await shop.submit(order, hangUpMs)
    for (let pauseMs = FIRST_PAUSE_MS; Date.now() < deadline; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const reply = await shop.submit(order, TIMEOUT_MS)
      if (reply?.status === 200) return true
      await pause(pauseMs)
    }
    return false
  }

  async function everybody(): Promise<ClientResult> {
    await Promise.all(Array.from({ length: CONCURRENT_ORDERS }, customer))
    progress.flush()
    return { requests: shop.requests(), unanswered }
  }

  return { finished: everybody() }
}

/** The API workers behind one name. The supervisor sends their ports, which change at every restart. */
function createShop() {
  let ports: readonly number[] = []
  let turn = 0
  let requests = 0
  let told = () => {}
  const open = new Promise<void>((resolve) => {
    told = resolve
  })
  process.on('message', (message: Addresses) => {
    if (message.type !== 'addresses') return
    ports = message.ports
    if (ports.length > 0) told()
  })

  async function submit(order: Order, timeoutMs: number): Promise<Reply | undefined> {
    await open
    const port = ports[turn++ % ports.length]
    if (port === undefined) return undefined
    const headers = { 'idempotency-key': encodeURIComponent(order.orderId) }
    try {
      const reply = await post({ port, path: '/orders', headers, body: order, timeoutMs })
      requests++
      return reply
    } catch (error) {
      // A refused connection is no request, because nobody received it.
      if (!(error instanceof NoAnswer) || error.arrived) requests++
      return undefined
    }
  }

  return { submit, requests: () => requests }
}
