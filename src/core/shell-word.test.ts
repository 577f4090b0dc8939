import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { shellWord } from './shell-word.ts'

it('leaves plain words alone', () => {
  for (const word of ['sqlite:/srv/app@2/orders.db', 'redis://127.0.0.1:6379/0', 'a%20b'])
    expect(shellWord(word)).toBe(word)
})

it.each(['postgres://h/d?a=1&b=2', 'sqlite:my orders.db', "it's", '$HOME', '`id`', '~/x', '*', '', 'a;b', 'a\\b'])(
  'a shell takes %j for one word',
  (text) => {
    expect(spawnSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' }).stdout).toBe(text)
  },
)
