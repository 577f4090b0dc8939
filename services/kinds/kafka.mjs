import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isKafka } from '../lib/ask.mjs'
import { JAVA, java } from '../lib/java.mjs'
import { freePorts } from '../lib/ports.mjs'

const HEAP_MB = 512

/** One node that is broker and controller (KRaft). Topics must be created. @type {import('../lib/recipe.mjs').Recipe} */
export const kafka = {
  needs: { ...JAVA, jars: 'kafka' },
  async start(home) {
    const dir = join(home.dir, 'kafka')
    mkdirSync(dir)
    const [port = 0, controller = 0] = await freePorts(2)
    const file = join(dir, 'server.properties')
    writeFileSync(file, properties(dir, port, controller))
    const id = randomBytes(16).toString('base64url')
    const format = java({ jars: 'kafka', main: 'kafka.tools.StorageTool', dir, heapMb: 64, args: [] })
    const ran = spawnSync(format.command, [...format.args, 'format', '-t', id, '-c', file], { encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`the storage of kafka could not be formatted: ${ran.stdout}${ran.stderr}`)
    const server = await home.server({
      name: 'kafka',
      url: `kafka://127.0.0.1:${port}`,
      port,
      ...java({
        jars: 'kafka',
        main: 'kafka.Kafka',
        dir,
        heapMb: HEAP_MB,
        flags: ['-Dorg.apache.logging.log4j.level=INFO'],
        args: [file],
      }),
      dir,
      ready: () => isKafka(port),
    })
    return server.url
  },
}

/** @param {string} dir @param {number} port @param {number} controller */
function properties(dir, port, controller) {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
log.dirs=${join(dir, 'data')}
# A consumer of a name that nobody created is a mistake, not a topic.
auto.create.topics.enable=false
# One broker can keep one copy, and one partition of its own topics is quicker to make than fifty.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# A test that kills consumers must not wait six seconds for each.
group.min.session.timeout.ms=500
# After a kill the new process must not wait for the session of the old one.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`
}
