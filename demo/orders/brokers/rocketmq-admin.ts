import { connect } from 'node:net'
import { KNOCK_MS } from './room.ts'

/** RocketMQ's codes for these requests. */
const ASK = { brokers: 106, createTopic: 17, removeTopic: 215, forgetTopic: 216, removeGroup: 207 } as const
const READ_AND_WRITE = 6

/** The address of a RocketMQ server: `host:port`. */
type Address = string

export interface RocketmqAdmin {
  createTopic(topic: string, queues: number): Promise<void>
  removeTopic(topic: string): Promise<void>
  removeGroup(group: string): Promise<void>
}

/**
 * Does what no client of the proxy can do, by the protocol of RocketMQ's own tools, at the first broker that the name
 * server knows.
 * @throws Error when the name server does not answer or knows no broker
 */
export async function rocketmqAdmin(nameServer: Address): Promise<RocketmqAdmin> {
  // Not JSON: the keys of the addresses are numbers without quotes; 0 is the master, which takes writes.
  const broker = /[{,]0:"([^"]+)"/.exec(await ask(nameServer, ASK.brokers, {}))?.[1]
  if (broker === undefined) throw new Error(`the name server ${nameServer} knows no broker`)
  return {
    async createTopic(topic, queues) {
      await ask(broker, ASK.createTopic, {
        topic,
        defaultTopic: 'TBW102',
        readQueueNums: String(queues),
        writeQueueNums: String(queues),
        perm: String(READ_AND_WRITE),
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: '0',
        order: 'false',
        attributes: '+message.type=NORMAL',
      })
    },
    async removeTopic(topic) {
      await ask(broker, ASK.removeTopic, { topic })
      await ask(nameServer, ASK.forgetTopic, { topic })
    },
    async removeGroup(groupName) {
      await ask(broker, ASK.removeGroup, { groupName, cleanOffset: 'true' })
    },
  }
}

/** Returns the body. @throws Error when the request is refused, or not answered in time */
async function ask(server: Address, code: number, extFields: Readonly<Record<string, string>>): Promise<string> {
  const question = { code, flag: 0, language: 'OTHER', opaque: 1, serializeTypeCurrentRPC: 'JSON', version: 453 }
  const header = Buffer.from(JSON.stringify({ ...question, extFields }))
  const lengths = Buffer.alloc(8)
  lengths.writeInt32BE(4 + header.length, 0)
  // The first byte of the header length is the header's format: 0 is JSON.
  lengths.writeInt32BE(header.length, 4)
  const answer = await exchange(server, Buffer.concat([lengths, header]))
  const end = 8 + (answer.readInt32BE(4) & 0xff_ff_ff)
  const { code: result, remark } = JSON.parse(answer.subarray(8, end).toString())
  if (result !== 0) throw new Error(`RocketMQ at ${server} answered ${result} to request ${code}: ${remark}`)
  return answer.subarray(end).toString()
}

/** Sends one frame and returns the frame that comes back. */
function exchange(server: Address, frame: Buffer): Promise<Buffer> {
  const { hostname, port } = new URL(`rocketmq://${server}`)
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(frame))
    const fail = (why: string) => {
      socket.destroy()
      reject(new Error(`${server}: ${why}`))
    }
    socket.setTimeout(KNOCK_MS, () => fail(`no answer within ${KNOCK_MS} ms`))
    socket.on('error', ({ message }) => fail(message)).on('close', () => fail('the connection was closed'))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < 8 || answer.length < 4 + answer.readInt32BE(0)) return
      resolve(answer)
      socket.destroy()
    })
  })
}
