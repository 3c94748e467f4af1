import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, pay } from './client.mjs';

const { stripe } = connect();

test('the account', async () => {
  const account = await stripe.accounts.retrieveCurrent();
  assert.ok(account.id.startsWith('acct_'));
});

test('balance and its entries', async () => {
  const paid = await pay(stripe, { amount: 10_000 });
  const entries = await stripe.balanceTransactions.list({ source: paid.latest_charge, expand: ['data.source'] });
  assert.equal(entries.data[0].net, 9680);
  assert.equal(entries.data[0].source.object, 'charge');
  const balance = await stripe.balance.retrieve();
  assert.ok(balance.pending.some((entry) => entry.currency === 'usd' && entry.amount > 0));
});

test('charges without an intent', async () => {
  const charge = await stripe.charges.create({ amount: 1200, currency: 'usd', source: 'tok_visa', capture: false });
  const captured = await stripe.charges.capture(charge.id, { amount: 1000 });
  assert.equal(captured.amount_captured, 1000);
  const refund = await stripe.refunds.create({ charge: charge.id, amount: 400 });
  assert.equal(refund.status, 'succeeded');
  const refunds = await stripe.refunds.list({ charge: charge.id });
  assert.deepEqual(refunds.data.map((each) => each.id), [refund.id]);
});

test('a refund that takes its time can be canceled', async () => {
  const paid = await pay(stripe, { payment_method: 'pm_card_pendingRefund' });
  const refund = await stripe.refunds.create({ payment_intent: paid.id });
  assert.equal(refund.status, 'pending');
  assert.equal((await stripe.refunds.cancel(refund.id)).status, 'canceled');
});

test('events tell what happened', async () => {
  const [newest] = (await stripe.events.list({ limit: 1 })).data;
  const paid = await pay(stripe);
  // Other files run at the same time, so only this payment's events count.
  const events = await stripe.events.list({ ending_before: newest.id, limit: 100, type: 'payment_intent.*' });
  const mine = events.data.filter((event) => event.data.object.id === paid.id).reverse();
  assert.deepEqual(mine.map((event) => event.type), ['payment_intent.created', 'payment_intent.succeeded']);
  assert.equal((await stripe.events.retrieve(mine[1].id)).data.object.status, 'succeeded');
});

test('searching', async () => {
  const paid = await pay(stripe, { metadata: { order: 'node-7' } });
  const until = Date.now() + 10_000;
  for (;;) {
    const found = await stripe.paymentIntents.search({ query: "metadata['order']:'node-7' AND status:'succeeded'" });
    if (found.data.some((each) => each.id === paid.id)) return;
    assert.ok(Date.now() < until, 'it was not found in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
