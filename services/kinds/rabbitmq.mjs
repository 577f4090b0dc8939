import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAmqp, isOpen } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePorts } from '../lib/ports.mjs'

const needs = {
  commands: ['rabbitmq-server', 'epmd'],
  packages: ['rabbitmq-server'],
  // First, because Debian's command of the same name in /usr/sbin switches to another user and folder.
  folders: ['/usr/lib/rabbitmq/bin'],
}

/**
 * If Debian's 3.10 is killed right after a quorum queue was declared, it comes back with the queue empty and without a
 * leader, whatever it had confirmed. A test that kills it waits 5 s first: then nothing was ever missing.
 *
 * @type {import('../lib/recipe.mjs').Recipe}
 */
export const rabbitmq = {
  needs,
  async start(home) {
    const dir = join(home.dir, 'rabbitmq')
    mkdirSync(dir)
    const [port = 0, nodes = 0, epmd = 0] = await freePorts(3)
    // RabbitMQ would start one that outlives it, and share it with other brokers on this machine.
    await home.helper({
      name: 'epmd',
      url: '',
      port: epmd,
      command: pathOf('epmd', needs),
      args: ['-address', '127.0.0.1', '-port', String(epmd)],
      dir,
      ready: () => isOpen(epmd),
    })
    const server = await home.server({
      name: 'rabbitmq',
      url: `amqp://127.0.0.1:${port}`,
      port,
      command: pathOf('rabbitmq-server', needs),
      args: [],
      env: environment(dir, port, nodes, epmd),
      dir,
      ready: () => isAmqp(port),
    })
    return server.url
  },
}

/** @param {string} dir @param {number} port @param {number} nodes @param {number} epmd */
function environment(dir, port, nodes, epmd) {
  const plugins = join(dir, 'plugins')
  const config = join(dir, 'rabbitmq.conf')
  writeFileSync(plugins, '[].\n')
  // The default is half a gigabyte, allocated in advance.
  writeFileSync(config, 'raft.wal_max_size_bytes = 16777216\n')
  return {
    // The folder of its Erlang cookie.
    HOME: dir,
    RABBITMQ_NODENAME: `onlyonce-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(nodes),
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: join(dir, 'data'),
    RABBITMQ_LOG_BASE: dir,
    RABBITMQ_LOGS: '-',
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_CONF_ENV_FILE: join(dir, 'none'),
    RABBITMQ_PID_FILE: join(dir, 'pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}',
    // Makes the script exec the server, so that signals reach it.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
}
