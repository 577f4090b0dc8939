import { expect, it } from 'vitest'
import { placeholdersOf } from './placeholders.ts'

it.each([
  ['DELETE FROM a', []],
  ['DELETE FROM a WHERE b = $1 AND c = $2::text', [1, 2]],
  ['DELETE FROM a WHERE b = $12 AND c = $3', [12, 3]],
  ['UPDATE a SET b = \'$7\', "c$8" = $1', [1]],
  ["UPDATE a SET b = 'it''s $7' || E'\\'$8' || $2", [2]],
  ['UPDATE a SET b = $$ $7 $$ || $tag$ $8 $$ $tag$ || $1', [1]],
  ['DELETE FROM a -- $7\n WHERE b = $1 /* $8 */', [1]],
  ['UPDATE a SET b$7 = $1', [1]],
])('the placeholders of %j are %j', (text, numbers) => {
  const found = placeholdersOf(text)
  expect(found.map(({ number }) => number)).toEqual(numbers)
  expect(found.map(({ from, to }) => text.slice(from, to))).toEqual(numbers.map((number) => `$${number}`))
})
