/** Each has tables of its own, and on SQLite a file of its own. */
export type Service = 'orders' | 'coupons' | 'points'

/** In words that SQLite, PostgreSQL and MySQL all understand. */
export const TABLES: Readonly<Record<Service, string>> = {
  orders: `
    CREATE TABLE IF NOT EXISTS orders (
      id VARCHAR(255) PRIMARY KEY, customer VARCHAR(255) NOT NULL, placed_on VARCHAR(10) NOT NULL,
      amount_pence BIGINT NOT NULL, status VARCHAR(20) NOT NULL, charge_id VARCHAR(255)
    )`,
  // A customer may have many coupons, also of one order: the table cannot know that one was meant.
  coupons: 'CREATE TABLE IF NOT EXISTS coupons (order_id VARCHAR(255) NOT NULL, customer VARCHAR(255) NOT NULL)',
  // Nor this one how often an order is worth points: goods that come back are booked under the same order.
  points: `
    CREATE TABLE IF NOT EXISTS points (
      order_id VARCHAR(255) NOT NULL, customer VARCHAR(255) NOT NULL, points BIGINT NOT NULL
    )`,
}

/** The order's number is its key: a second insert of the same order is none. */
export const CREATE_ORDER = `
  INSERT INTO orders (id, customer, placed_on, amount_pence, status) VALUES (?, ?, ?, ?, 'created')
  ON CONFLICT DO NOTHING`
