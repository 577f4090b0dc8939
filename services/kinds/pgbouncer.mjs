import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPostgres } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePort } from '../lib/ports.mjs'
import { giveTo, unprivileged } from '../lib/user.mjs'
import { POSTGRES, postgresServer } from './postgres.mjs'

/**
 * A pooler in transaction mode before a PostgreSQL of its own: consecutive transactions of a client may run on different
 * connections of the server. Fewer of those than clients, so that they do. Never as root: PgBouncer refuses.
 * @type {import('../lib/recipe.mjs').Recipe}
 */
export const pgbouncer = {
  needs: {
    commands: ['pgbouncer', ...POSTGRES.commands],
    packages: ['pgbouncer', ...POSTGRES.packages],
    get folders() {
      return POSTGRES.folders
    },
  },
  async start(home) {
    const server = await postgresServer(home.helper, join(home.dir, 'postgres'))
    const user = unprivileged('postgres')
    const dir = join(home.dir, 'pgbouncer')
    mkdirSync(dir)
    giveTo(dir, user)
    const port = await freePort()
    const file = join(dir, 'pgbouncer.ini')
    const lines = [
      '[databases]',
      `* = host=127.0.0.1 port=${server.port} user=postgres`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 8',
      'max_client_conn = 200',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const pooler = await home.server({
      name: 'pgbouncer',
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      command: pathOf('pgbouncer', pgbouncer.needs),
      args: [file],
      dir,
      ...(user === undefined ? {} : { user }),
      fast: 'SIGINT',
      ready: () => isPostgres(port),
    })
    return pooler.url
  },
}
