// Just enough of RocketMQ's remoting protocol for what its proxy lacks: list brokers, create topics and groups.
import { ask } from './ask.mjs'

const BROKERS = 106
const CREATE_TOPIC = 17
const QUEUE_END = 30
const CREATE_GROUP = 200
const READ_AND_WRITE = 6

/** Returns the addresses of all brokers known to a name server. @param {number} nameServerPort @returns {Promise<string[]>} */
export async function brokersOf(nameServerPort) {
  const { body } = await request(nameServerPort, BROKERS, {})
  // Not JSON: its keys are numbers without quotes.
  return [...body.matchAll(/\d+:"([^"]+:\d+)"/g)].map(([, address]) => /** @type {string} */ (address))
}

/**
 * Creates the topic, or changes it.
 * @param {number} brokerPort
 * @param {string} topic
 * @param {import('./rocketmq.d.mts').TopicType} type
 * @param {number} queues
 */
export async function createTopic(brokerPort, topic, type, queues) {
  await request(brokerPort, CREATE_TOPIC, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: String(queues),
    writeQueueNums: String(queues),
    perm: String(READ_AND_WRITE),
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: '0',
    order: String(type === 'FIFO'),
    attributes: `+message.type=${type}`,
  })
}

/**
 * How many messages a queue of the topic ever got.
 * @param {number} brokerPort
 * @param {string} topic
 * @param {number} queue
 */
export async function queueEnd(brokerPort, topic, queue) {
  const { extFields } = await request(brokerPort, QUEUE_END, { topic, queueId: String(queue) })
  return Number(extFields.offset)
}

/**
 * Creates the group of consumers, or changes it.
 * @param {number} brokerPort
 * @param {string} groupName
 * @param {import('./rocketmq.d.mts').GroupOptions} options
 */
export async function createGroup(brokerPort, groupName, { inOrder = false, maxRetries = 16 }) {
  const group = {
    groupName,
    consumeEnable: true,
    consumeFromMinEnable: true,
    consumeBroadcastEnable: true,
    consumeMessageOrderly: inOrder,
    retryQueueNums: 1,
    retryMaxTimes: maxRetries,
    brokerId: 0,
    whichBrokerWhenConsumeSlowly: 1,
    notifyConsumerIdsChangedEnable: true,
  }
  await request(brokerPort, CREATE_GROUP, {}, JSON.stringify(group))
}

/** @param {number} port @param {number} code @param {Record<string, string>} extFields @param {string} [content] */
async function request(port, code, extFields, content = '') {
  const header = Buffer.from(
    JSON.stringify({
      code,
      flag: 0,
      language: 'OTHER',
      opaque: 1,
      serializeTypeCurrentRPC: 'JSON',
      version: 453,
      extFields,
    }),
  )
  const body = Buffer.from(content)
  const lengths = Buffer.alloc(8)
  lengths.writeInt32BE(4 + header.length + body.length, 0)
  // The first byte of the header length is the header's format: 0 is JSON.
  lengths.writeInt32BE(header.length, 4)
  const isWhole = (/** @type {Buffer} */ answer) => answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)
  const answer = await ask(port, Buffer.concat([lengths, header, body]), isWhole)
  const end = 8 + (answer.readInt32BE(4) & 0xff_ff_ff)
  const { code: result, remark, extFields: fields = {} } = JSON.parse(answer.subarray(8, end).toString())
  if (result !== 0) throw new Error(`RocketMQ answered ${result} to request ${code}: ${remark}`)
  return { body: answer.subarray(end).toString(), extFields: /** @type {Record<string, string>} */ (fields) }
}
