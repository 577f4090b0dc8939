import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isHealthy } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePorts } from '../lib/ports.mjs'

const needs = { commands: ['nats-server'], packages: ['nats-server'] }

/** With JetStream, whose files are on disk. @type {import('../lib/recipe.mjs').Recipe} */
export const nats = {
  needs,
  async start(home) {
    const dir = join(home.dir, 'nats')
    mkdirSync(dir)
    const [port = 0, health = 0] = await freePorts(2)
    const server = await home.server({
      name: 'nats',
      url: `nats://127.0.0.1:${port}`,
      port,
      command: pathOf('nats-server', needs),
      args: ['-a', '127.0.0.1', '-p', String(port), '-m', String(health), '-js', '-sd', join(dir, 'data')],
      dir,
      // Clients are accepted a moment before JetStream has loaded its streams.
      ready: () => isHealthy(health),
    })
    return server.url
  },
}
