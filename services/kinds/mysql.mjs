import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { isMysql } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePort } from '../lib/ports.mjs'

const needs = { commands: ['mariadbd', 'mariadb-install-db'], packages: ['mariadb-server'] }

/** MariaDB, with an empty database `onlyonce`. @type {import('../lib/recipe.mjs').Recipe} */
export const mysql = {
  needs,
  async start(home) {
    const dir = join(home.dir, 'mysql')
    const data = join(dir, 'data')
    // A starting server removes all temporary tables it finds, including those of other servers.
    const temporary = join(dir, 'tmp')
    mkdirSync(temporary, { recursive: true })
    const user = `--user=${userInfo().username}`
    const init = [
      '--no-defaults',
      user,
      `--datadir=${data}`,
      `--tmpdir=${temporary}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ]
    const ran = spawnSync(pathOf('mariadb-install-db', needs), init, { cwd: dir, encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`mariadb-install-db failed: ${ran.stdout}${ran.stderr}`)
    // Run before the first connection is accepted, and again, harmlessly, at every restart.
    const setUp = join(dir, 'set-up.sql')
    writeFileSync(setUp, 'CREATE DATABASE IF NOT EXISTS onlyonce;\n')
    const port = await freePort()
    const server = await home.server({
      name: 'mysql',
      url: `mysql://root@127.0.0.1:${port}/onlyonce`,
      port,
      command: pathOf('mariadbd', needs),
      args: [
        '--no-defaults',
        user,
        `--datadir=${data}`,
        `--tmpdir=${temporary}`,
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        `--socket=${join(dir, 'm.sock')}`,
        '--skip-log-bin',
        // It reads past the cache of the system: with less, benchmarks would measure how pages are read.
        '--innodb-buffer-pool-size=512M',
        `--init-file=${setUp}`,
      ],
      dir,
      ready: () => isMysql(port),
    })
    return server.url
  },
}
