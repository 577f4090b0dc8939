import {
  apiCode,
  CONSUMER_NOT_FOUND,
  type NatsConsumerInfo,
  type NatsManager,
  type NatsStreamInfo,
  STREAM_NOT_FOUND,
} from './client.ts'
import { type CheckedSource, defaultDeadSubject } from './options.ts'

/** A shorter one could end before a message that waits in a buffer is looked at. */
const SHORTEST_ACK_WAIT_MS = 3_000
/** JetStream's default. Messages waiting for their next try count too. */
const LEAST_ACK_PENDING = 1_000
const NANOS = 1_000_000

export interface Opened {
  readonly streamInfo: NatsStreamInfo
  readonly info: NatsConsumerInfo
  readonly ackWaitMs: number
}

export interface Wanted {
  readonly ackWaitMs: number
  readonly atOnce: number
  /** A consumer that existed and is created again starts behind this sequence, not at the beginning. */
  readonly behind: number
}

/**
 * Finds the durable consumer and the stream for dead letters, or creates them with `declare`.
 * @throws Error when one is missing, or exists with a configuration that would lose messages
 */
export async function openDurable(manager: NatsManager, source: CheckedSource, wanted: Wanted): Promise<Opened> {
  const { stream, durable } = source
  const streamInfo = await manager.streams.info(stream).catch((error: unknown) => {
    throw apiCode(error) === STREAM_NOT_FOUND ? new Error(`there is no stream ${stream}: add it`) : error
  })
  await findDeadStream(manager, source, streamInfo)
  const info = await manager.consumers.info(stream, durable).catch((error: unknown) => {
    if (apiCode(error) !== CONSUMER_NOT_FOUND) throw error
    if (!source.declare)
      throw new Error(`stream ${stream} has no consumer ${durable}: add it, or let \`declare\` do it`)
    // A work queue holds only unacknowledged messages, and has to be read from its beginning.
    const behind = streamInfo.config.retention === 'workqueue' ? 0 : wanted.behind
    return addDurable(manager, source, { ...wanted, behind })
  })
  checkDurable(source, info)
  return { streamInfo, info, ackWaitMs: ackWaitOf(info) }
}

function addDurable(manager: NatsManager, { stream, durable, subject }: CheckedSource, wanted: Wanted) {
  const { ackWaitMs, atOnce, behind } = wanted
  return manager.consumers.add(stream, {
    durable_name: durable,
    ack_policy: 'explicit',
    ack_wait: Math.max(SHORTEST_ACK_WAIT_MS, ackWaitMs) * NANOS,
    // Attempts are counted in the store. A message that reaches the server's limit is neither delivered again nor put
    // aside.
    max_deliver: -1,
    max_ack_pending: Math.max(LEAST_ACK_PENDING, 2 * atOnce),
    ...(behind > 0 ? { deliver_policy: 'by_start_sequence', opt_start_seq: behind + 1 } : { deliver_policy: 'all' }),
    ...(subject === undefined ? {} : { filter_subject: subject }),
  })
}

const ackWaitOf = ({ config }: NatsConsumerInfo) => (config.ack_wait ?? 0) / NANOS

/** @throws Error for a configuration that would lose messages */
export function checkDurable({ durable, subject }: CheckedSource, info: NatsConsumerInfo): void {
  const { config } = info
  const ackWaitMs = ackWaitOf(info)
  const wrong = (what: string) => new Error(`the consumer ${durable} ${what}`)
  if (config.deliver_subject) throw wrong('is one that pushes: this needs a pull consumer')
  if (config.backoff?.length) throw wrong('has a backoff, which takes the place of its ack_wait: leave it out')
  if (config.ack_policy !== 'explicit') throw wrong(`has the ack policy ${config.ack_policy}: it must be explicit`)
  if ((config.max_deliver ?? -1) > 0)
    throw wrong(`has max_deliver ${config.max_deliver}: the server would drop what reaches it, so it must be -1`)
  if (config.headers_only) throw wrong('gets headers without bodies: it must get both')
  if (ackWaitMs < SHORTEST_ACK_WAIT_MS)
    throw wrong(`has an ack_wait of ${ackWaitMs} ms: it must be at least ${SHORTEST_ACK_WAIT_MS} ms`)
  if (subject !== undefined && config.filter_subject !== subject)
    throw wrong(`filters by ${config.filter_subject || 'nothing'}, not by ${subject}: give \`durable\` another name`)
}

async function findDeadStream(manager: NatsManager, source: CheckedSource, info: NatsStreamInfo): Promise<void> {
  const { stream, durable, deadSubject, declare } = source
  const found = await manager.streams.find(deadSubject).catch((error: unknown) => {
    if (apiCode(error) === STREAM_NOT_FOUND) return undefined
    throw error
  })
  if (found === stream)
    throw new Error(`the deadSubject ${deadSubject} belongs to ${stream} itself: choose one of another stream`)
  if (found !== undefined) return
  if (!declare || deadSubject !== defaultDeadSubject(stream, durable))
    throw new Error(`no stream takes the deadSubject ${deadSubject}: add one`)
  const { storage, num_replicas } = info.config
  await manager.streams.add({ name: `${stream}-dead`, subjects: [`dead.${stream}.>`], storage, num_replicas })
}
