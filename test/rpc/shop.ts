import type { JsonObject } from '@bufbuild/protobuf'
import { create, type Message, toBinary } from '@bufbuild/protobuf'
import { fileDesc, type GenMessage, type GenService, messageDesc, serviceDesc } from '@bufbuild/protobuf/codegenv2'
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  FieldDescriptorProto_Label as Label,
  MethodOptions_IdempotencyLevel as Level,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'

// What a generator writes from a .proto file, by hand: there is no compiler of protobuf here.

export type Order = Message<'shop.v1.Order'> & {
  id: string
  amount: number
  labels: { [key: string]: string }
  parts: Order[]
  extra?: JsonObject
  choice: { case: 'gift'; value: Order } | { case: 'note'; value: string } | { case: undefined; value?: undefined }
}
export type Receipt = Message<'shop.v1.Receipt'> & { number: number; text: string }

const field = (name: string, number: number, type: Type, typeName = '') => ({
  name,
  number,
  type,
  typeName,
  label: Label.OPTIONAL,
})
const ORDER = '.shop.v1.Order'
const RECEIPT = '.shop.v1.Receipt'

const proto = create(FileDescriptorProtoSchema, {
  name: 'shop/v1/shop.proto',
  package: 'shop.v1',
  syntax: 'proto3',
  dependency: ['google/protobuf/struct.proto'],
  messageType: [
    {
      name: 'Order',
      oneofDecl: [{ name: 'choice' }],
      field: [
        field('id', 1, Type.STRING),
        field('amount', 2, Type.INT32),
        { ...field('labels', 3, Type.MESSAGE, `${ORDER}.LabelsEntry`), label: Label.REPEATED },
        { ...field('parts', 4, Type.MESSAGE, ORDER), label: Label.REPEATED },
        field('extra', 5, Type.MESSAGE, '.google.protobuf.Struct'),
        { ...field('gift', 6, Type.MESSAGE, ORDER), oneofIndex: 0 },
        { ...field('note', 7, Type.STRING), oneofIndex: 0 },
      ],
      nestedType: [
        {
          name: 'LabelsEntry',
          field: [field('key', 1, Type.STRING), field('value', 2, Type.STRING)],
          options: { mapEntry: true },
        },
      ],
    },
    { name: 'Receipt', field: [field('number', 1, Type.INT32), field('text', 2, Type.STRING)] },
  ],
  service: [
    {
      name: 'Shop',
      method: [
        { name: 'Place', inputType: ORDER, outputType: RECEIPT },
        { name: 'Read', inputType: ORDER, outputType: RECEIPT, options: { idempotencyLevel: Level.NO_SIDE_EFFECTS } },
        { name: 'Put', inputType: ORDER, outputType: RECEIPT, options: { idempotencyLevel: Level.IDEMPOTENT } },
        { name: 'Watch', inputType: ORDER, outputType: RECEIPT, serverStreaming: true },
      ],
    },
  ],
})

const file = fileDesc(Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString('base64'), [
  file_google_protobuf_struct,
])

export const OrderSchema: GenMessage<Order> = messageDesc(file, 0)
export const ReceiptSchema: GenMessage<Receipt> = messageDesc(file, 1)

type Unary = { methodKind: 'unary'; input: typeof OrderSchema; output: typeof ReceiptSchema }
export const Shop: GenService<{
  place: Unary
  read: Unary
  put: Unary
  watch: { methodKind: 'server_streaming'; input: typeof OrderSchema; output: typeof ReceiptSchema }
}> = serviceDesc(file, 0)
