import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isOpen } from '../lib/ask.mjs'
import { JAVA, java } from '../lib/java.mjs'
import { freePort, freePorts, isFree } from '../lib/ports.mjs'
import { brokersOf } from '../lib/rocketmq.mjs'

/** With heap and direct memory of the name server: 1 GB in all. */
const HEAP_MB = 512
const DIRECT_MB = 384
const NAME_SERVER_HEAP_MB = 64

/** The URL has the proxy's port; its `namesrv` is for broker and topics. @type {import('../lib/recipe.mjs').Recipe} */
export const rocketmq = {
  needs: { ...JAVA, jars: 'rocketmq' },
  async start(home) {
    const dir = join(home.dir, 'rocketmq')
    mkdirSync(dir)
    const [names = 0, proxy = 0, remoting = 0, replication = 0] = await freePorts(4)
    const broker = await brokerPort()
    const common = { jars: 'rocketmq', dir }
    const flags = [
      // Its logs go below the user's home folder.
      `-Duser.home=${dir}`,
      `-Drocketmq.home.dir=${dir}`,
      // Otherwise a certificate is generated at every start.
      '-Dtls.server.mode=disabled',
      // Above 90 % disk usage the broker would refuse every message, even if others fill the disk.
      '-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99',
    ]
    await home.helper({
      name: 'namesrv',
      url: '',
      port: names,
      ...java({
        ...common,
        main: 'org.apache.rocketmq.namesrv.NamesrvStartup',
        heapMb: NAME_SERVER_HEAP_MB,
        flags,
        args: ['-c', nameServerFile(dir, names)],
      }),
      dir,
      ready: () => isOpen(names),
    })
    const nameServer = `127.0.0.1:${names}`
    const files = ['-bc', brokerFile(dir, broker, replication, nameServer)]
    files.push('-pc', proxyFile(dir, proxy, remoting, nameServer))
    const server = await home.server({
      name: 'rocketmq',
      url: `rocketmq://127.0.0.1:${proxy}?namesrv=${nameServer}`,
      port: proxy,
      ...java({
        ...common,
        main: 'org.apache.rocketmq.proxy.ProxyStartup',
        heapMb: HEAP_MB,
        flags: [...flags, `-XX:MaxDirectMemorySize=${DIRECT_MB}m`],
        args: ['-pm', 'local', '-n', nameServer, ...files],
      }),
      dir,
      // It ends its threads one after the other, and waits for each.
      patienceMs: 40_000,
      // A killed broker stays in the name server's list for a while, so the ports are checked too.
      ready: async () => (await isOpen(proxy)) && (await isOpen(broker)) && (await brokersOf(names)).length > 0,
    })
    return server.url
  },
}

/** The broker also listens on its port minus two, which cannot be configured. */
async function brokerPort() {
  for (;;) {
    const port = await freePort()
    if (await isFree(port - 2)) return port
  }
}

/** @param {string} dir @param {number} port */
function nameServerFile(dir, port) {
  const file = join(dir, 'namesrv.conf')
  const kept = ['kvConfigPath', 'configStorePath'].map((name) => `${name}=${join(dir, name)}`)
  writeFileSync(file, `${[`listenPort=${port}`, 'bindAddress=127.0.0.1', ...kept].join('\n')}\n`)
  return file
}

/** @param {string} dir @param {number} port @param {number} replication @param {string} nameServer */
function brokerFile(dir, port, replication, nameServer) {
  const file = join(dir, 'broker.conf')
  const store = join(dir, 'store')
  writeFileSync(
    file,
    `brokerClusterName=onlyonce
brokerName=broker
brokerId=0
brokerIP1=127.0.0.1
bindAddress=127.0.0.1
listenPort=${port}
haListenPort=${replication}
namesrvAddr=${nameServer}
storePathRootDir=${store}
storePathCommitLog=${join(store, 'commitlog')}
# A gigabyte and four hundred megabytes by default.
mappedFileSizeCommitLog=16777216
maxHashSlotNum=50000
maxIndexNum=200000
autoCreateTopicEnable=false
# A half message is asked about after 6 s at the earliest, and every 30 s.
transactionTimeOut=1000
transactionCheckInterval=1000
`,
  )
  return file
}

/** @param {string} dir @param {number} port @param {number} remoting @param {string} nameServer */
function proxyFile(dir, port, remoting, nameServer) {
  const file = join(dir, 'proxy.json')
  const config = {
    rocketMQClusterName: 'onlyonce',
    proxyMode: 'LOCAL',
    localServeAddr: '127.0.0.1',
    namesrvAddr: nameServer,
    grpcServerPort: port,
    remotingListenPort: remoting,
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}
