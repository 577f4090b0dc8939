import { describe, it } from 'vitest'
import { httpConformance } from '../../src/testing/index.ts'
import { honoAdapter } from './hono-site.ts'
import { onNode } from './on-node.ts'

httpConformance('hono 4', onNode(honoAdapter()), { describe, it })

httpConformance(
  'hono 4, body read in front of the guard',
  {
    ...onNode(honoAdapter({ json: true })),
    skip: {
      'a body of any bytes counts to the last of them, and reaches the handler whole':
        'what read the body in front of the guard has made text of it, for the handler too',
    },
  },
  { describe, it },
)
