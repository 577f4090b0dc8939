import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { openStore } from '../../src/stores/open.ts'
import { later, tidily } from '../support/leftovers.ts'
import { newSchema } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { cli } from './cli-kit.ts'

const EVERYWHERE = [['keys', 'ls'], ['keys', 'forget', 'a', '--scope', 's', '--yes'], ['sweep'], ['doctor']]
const IN_A_DATABASE = [
  ...EVERYWHERE,
  ['doctor', '--json'],
  ['migrate'],
  ['migrate', '--dry-run'],
  ['outbox', 'ls'],
  ['outbox', 'unpark', '1'],
]

const servers: Server[] = []
const held = new Set<Socket>()
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of held) socket.destroy()
})

async function listening(): Promise<{ readonly server: Server; readonly place: string }> {
  const server = createServer((socket) => held.add(socket.on('error', () => {})))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, place: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Where nobody listens. */
async function refusing(): Promise<string> {
  const { server, place } = await listening()
  await new Promise((resolve) => server.close(resolve))
  return place
}

async function all(commands: readonly (readonly string[])[], target: string) {
  const said = await Promise.all(commands.map((argv) => cli([...argv, '--store', target])))
  return commands.map((argv, index) => [argv.join(' '), said[index]?.code, said[index]?.out] as const)
}

const exits3 = (commands: readonly (readonly string[])[]) => commands.map((argv) => [argv.join(' '), 3, ''] as const)

const MADE = [
  ['postgres', (place: string) => `postgres://somebody:secret@${place}/shop`, IN_A_DATABASE],
  ['mysql', (place: string) => `mysql://somebody:secret@${place}/shop`, IN_A_DATABASE],
  ['redis', (place: string) => `redis://${place}`, EVERYWHERE],
] as const

describe.each(MADE)('a %s server that cannot be reached exits with 3', (kind, url, commands) => {
  it('when nobody listens there', async () => {
    expect(await all(commands, url(await refusing()))).toEqual(exits3(commands))
  })

  it('when it takes the connection and never says a word', async () => {
    const { place } = await listening()
    expect(await all(commands, url(place))).toEqual(exits3(commands))
  })

  it('saying what was asked, of which store, what came back, and what to look at', async () => {
    const place = await refusing()
    const { err } = await cli(['doctor', '--store', url(place)])
    expect(err).toMatch(
      new RegExp(`^onlyonce: the ${kind} store did not answer \`\\w+\` \\(.+\\): look whether its server is up`),
    )
    expect(err).toContain(`ECONNREFUSED ${place}`)
    expect(err).not.toContain('secret')
  })
})

it.each([
  ['redis', (place: string) => `redis://${place}`, (place: string) => `ECONNREFUSED ${place}`],
  [
    'cluster',
    (place: string) => `redis+cluster://${place}`,
    (place: string) => `no node of the cluster could be asked: ${place}`,
  ],
  [
    'sentinel',
    (place: string) => `redis+sentinel://${place}/m`,
    (place: string) => `no sentinel named a master: failed to connect to sentinel ${place}`,
  ],
])('a %s by URL says what its connection met for as long as the server is away', async (_, url, says) => {
  const place = await refusing()
  await using store = await openStore(url(place))
  for (const _ of [1, 2, 3]) {
    await expect(store.find([operationId('scope', 'key')])).rejects.toThrow(says(place))
  }
})

describeWith('postgres', (url) => {
  it('exits with 3 for a name and a database that PostgreSQL does not know', async () => {
    const { host } = new URL(url)
    expect(await all(IN_A_DATABASE, `postgres://nobody_here@${host}/postgres`)).toEqual(exits3(IN_A_DATABASE))
    expect(await all(IN_A_DATABASE, `postgres://postgres@${host}/no_such_place`)).toEqual(exits3(IN_A_DATABASE))
  })
})

describeWith('postgres', (url) => {
  it('does not say that a server is silent which says what it refuses', async () => {
    const control = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    const name = newSchema()
    await control.query(`CREATE ROLE ${name} LOGIN; CREATE SCHEMA ${name}; CREATE TABLE ${name}.migrations ()`)
    later(() => control.query(`DROP SCHEMA ${name} CASCADE; DROP ROLE ${name}`))
    const own = Object.assign(new URL(url), { username: name, search: `?schema=${name}` })
    const said = await cli(['keys', 'ls', '--store', own.href])
    expect(said).toMatchObject({ code: 3, out: '' })
    expect(said.err).toMatch(/^onlyonce: the postgres store could not `find`: .*permission denied.*grant USAGE/)
    expect(said.err).not.toMatch(/did not answer|server is up/)
  })
})

describeWith('mysql', (url) => {
  it('exits with 3 for a name and a database that MySQL does not know', async () => {
    const { host } = new URL(url)
    expect(await all(IN_A_DATABASE, `mysql://nobody_here:wrong@${host}/onlyonce`)).toEqual(exits3(IN_A_DATABASE))
    expect(await all(IN_A_DATABASE, `mysql://root@${host}/no_such_place`)).toEqual(exits3(IN_A_DATABASE))
  })
})

describeWith('redis', (url) => {
  it('exits with 3 for a name that Redis does not know', async () => {
    const { host } = new URL(url)
    expect(await all(EVERYWHERE, `redis://nobody_here:wrong@${host}`)).toEqual(exits3(EVERYWHERE))
  })
})
