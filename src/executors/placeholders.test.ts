import { describe, expect, it } from 'vitest'
import { cutAtPlaceholders, cutAtQuestionMarks } from './placeholders.ts'

describe('cutAtPlaceholders', () => {
  it('cuts where a value goes, in the order of the text, as often as it is used', () => {
    expect(cutAtPlaceholders('a $2::text b $1 c $2', ['one', 'two'])).toEqual({
      parts: ['a ', '::text b ', ' c ', ''],
      values: ['two', 'one', 'two'],
    })
    expect(cutAtPlaceholders('$12 $1', Array.from('abcdefghijkl')).values).toEqual(['l', 'a'])
    expect(cutAtPlaceholders('SELECT 1', [])).toEqual({ parts: ['SELECT 1'], values: [] })
  })

  it.each([
    ["'it''s $1'"],
    ["E'a\\'$1'"],
    ["e'$1\\\\'"],
    ['"a ""$1"" b"'],
    ['-- $1'],
    ['/* $1\n$1 */'],
    ['$$ $1 $$'],
    ['$body$ $1 $$ $1 $body$'],
    ['price$1'],
  ])('leaves %s alone', (text) => {
    expect(cutAtPlaceholders(`${text}\n, $1`, ['x'])).toEqual({ parts: [`${text}\n, `, ''], values: ['x'] })
  })

  it('sees a backslash in a plain string as the text that it is', () => {
    expect(cutAtPlaceholders("'\\', $1, '$2'", ['x']).values).toEqual(['x'])
  })
})

describe('cutAtQuestionMarks', () => {
  it('cuts once for each value, and leaves the rest of the text as it is', () => {
    expect(cutAtQuestionMarks("a ? b ? 'c?' ?", [1, null])).toEqual({
      parts: ['a ', ' b ', " 'c?' ?"],
      values: [1, null],
    })
    expect(cutAtQuestionMarks("'?'", [])).toEqual({ parts: ["'?'"], values: [] })
  })
})
