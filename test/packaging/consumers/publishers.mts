// As library.mts, in a package that imports nothing of `onlyonce` and `onlyonce/outbox`, where these types are at home.
import { publisher as bullmq } from 'onlyonce/bullmq'
import { currentOperation } from 'onlyonce/decorator'
import { publisher as nats } from 'onlyonce/nats'
import { publisher as streams } from 'onlyonce/redis-streams'
import { publisher as rocketmq, transactional } from 'onlyonce/rocketmq'
import { operationKey } from 'onlyonce/rpc'

declare const given: {
  bullmq: Parameters<typeof bullmq>[0]
  nats: Parameters<typeof nats>[0]
  streams: Parameters<typeof streams>[0]
  rocketmq: Parameters<typeof rocketmq>[0]
  transactional: Parameters<typeof transactional>[0]
}

export const onBullmq = bullmq(given.bullmq)
export const onNats = nats(given.nats)
export const onStreams = streams(given.streams)
export const onRocketmq = rocketmq(given.rocketmq)
export const { checker } = transactional(given.transactional)
export const current = currentOperation()
export const key = operationKey
