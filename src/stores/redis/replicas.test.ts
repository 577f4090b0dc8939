import { expect, it } from 'vitest'
import type { Word } from './client.ts'
import type { RedisPort } from './port.ts'
import { createReplicated } from './replicas.ts'
import { createScripts } from './scripts/run.ts'

/** A server that says of each connection, in turn, which one it is; an error is what it refuses to say. */
function setUp(connections: readonly (string | number | Error)[]) {
  const asked: string[] = []
  const left = [...connections]
  const answer = (words: Word[]): unknown => {
    if (words[0] === 'WAIT') return 1
    if (words[0] !== 'CLIENT') return Buffer.from('answer')
    asked.push(words.join(' '))
    const said = left.shift()
    if (said instanceof Error) throw said
    return words[1] === 'INFO' ? said : Number.parseInt(String(said).replace('id=', ''), 10)
  }
  const port = { together: async (commands: Word[][]) => commands.map(answer) } as unknown as RedisPort
  const scripts = createScripts(port, false, undefined)
  const run = createReplicated(port, scripts, { waitReplicas: 1, waitTimeoutMs: 100 })
  return { asked, run: () => run('claim', [], []) }
}

const client = (place: string, age: number) => `id=7 ${place} fd=8 name= age=${age} cmd=client|info`
const here = 'addr=10.0.0.9:4001 laddr=10.0.0.1:6379'

it('what is asked on one connection is answered, however it ages', async () => {
  const { run } = setUp([client(here, 1), client(here, 2)])
  expect(await run()).toMatchObject({ unmet: undefined })
})

it.each(['addr=10.0.0.9:4002 laddr=10.0.0.1:6379', 'addr=10.0.0.9:4001 laddr=10.0.0.2:6379'])(
  'a connection with the same number and %s is another',
  async (there) => {
    const { run } = setUp([client(here, 1), client(there, 1)])
    await expect(run()).rejects.toThrow('the connection was replaced')
  },
)

it.each([
  "ERR Unknown subcommand or wrong number of arguments for 'INFO'. Try CLIENT HELP",
  "NOPERM User shop has no permissions to run the 'client|info' command",
])('where there is only the number, that has to do: %s', async (refusal) => {
  const { run, asked } = setUp([new Error(refusal), 7, 7, 7, 8])
  expect(await run()).toMatchObject({ unmet: undefined })
  await expect(run()).rejects.toThrow('the connection was replaced')
  expect(asked).toEqual(['CLIENT INFO', ...Array(4).fill('CLIENT ID')])
})
