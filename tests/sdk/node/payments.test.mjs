import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerChallenge, connect, pay, unique } from './client.mjs';

const { stripe, seen } = connect();

test('a payment in one step', async () => {
  const paid = await pay(stripe, { description: 'a book', expand: ['latest_charge.balance_transaction'] });
  assert.equal(paid.status, 'succeeded');
  assert.equal(paid.amount_received, 2000);
  assert.equal(paid.latest_charge.paid, true);
  assert.equal(paid.latest_charge.balance_transaction.fee, 88);
  const read = await stripe.paymentIntents.retrieve(paid.id);
  assert.equal(read.latest_charge, paid.latest_charge.id);
});

test('a payment in two steps', async () => {
  const made = await stripe.paymentIntents.create({ amount: 1000, currency: 'eur', automatic_payment_methods: { enabled: true } });
  assert.equal(made.status, 'requires_payment_method');
  const paid = await stripe.paymentIntents.confirm(made.id, {
    payment_method: 'pm_card_mastercard',
    return_url: 'https://shop.example.com/',
  });
  assert.equal(paid.status, 'succeeded');
});

test('a decline is an error with the intent in it', async () => {
  await assert.rejects(pay(stripe, { payment_method: 'pm_card_visa_chargeDeclinedInsufficientFunds' }), (error) => {
    assert.equal(error.type, 'StripeCardError');
    assert.equal(error.statusCode, 402);
    assert.equal(error.code, 'card_declined');
    assert.equal(error.decline_code, 'insufficient_funds');
    assert.equal(error.payment_intent.status, 'requires_payment_method');
    assert.ok(error.requestId.startsWith('req_'));
    return true;
  });
});

test('authorize, capture a part, refund the rest of it', async () => {
  const held = await pay(stripe, { capture_method: 'manual' });
  assert.equal(held.status, 'requires_capture');
  const paid = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1500 });
  assert.equal(paid.amount_received, 1500);
  const refund = await stripe.refunds.create({ payment_intent: paid.id });
  assert.equal(refund.amount, 1500);
  const charge = await stripe.charges.retrieve(paid.latest_charge);
  assert.equal(charge.refunded, true);
});

test('authorize and cancel', async () => {
  const held = await pay(stripe, { capture_method: 'manual' });
  const canceled = await stripe.paymentIntents.cancel(held.id, { cancellation_reason: 'abandoned' });
  assert.equal(canceled.status, 'canceled');
  await assert.rejects(stripe.paymentIntents.capture(held.id), { code: 'payment_intent_unexpected_state', statusCode: 400 });
});

test('3-D Secure, approved and failed', async () => {
  for (const [button, status] of [[/approve|complete|authori[sz]e|succe/i, 'succeeded'], [/fail|decline|reject|deny/i, 'requires_payment_method']]) {
    const made = await pay(stripe, { payment_method: 'pm_card_threeDSecure2Required', return_url: 'https://shop.example.com/' });
    assert.equal(made.next_action.type, 'redirect_to_url');
    const answer = await answerChallenge(made.next_action.redirect_to_url.url, button);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /<meta http-equiv="refresh" content="0; url=https:\/\/shop\.example\.com\/\?payment_intent=/);
    assert.equal((await stripe.paymentIntents.retrieve(made.id)).status, status);
  }
});

test('an idempotency key makes it once', async () => {
  const idempotencyKey = unique();
  const first = await pay(stripe, {}, { idempotencyKey });
  const again = await pay(stripe, {}, { idempotencyKey });
  assert.deepEqual(again, first);
  assert.equal(seen.last.headers['idempotent-replayed'], 'true');
  await assert.rejects(pay(stripe, { amount: 2001 }, { idempotencyKey }), { type: 'StripeIdempotencyError', statusCode: 400 });
});

test('what is wrong is said', async () => {
  await assert.rejects(pay(stripe, { amont: 1 }), { type: 'StripeInvalidRequestError', code: 'parameter_unknown', param: 'amont' });
  await assert.rejects(stripe.paymentIntents.retrieve('pi_nothere'), { code: 'resource_missing', statusCode: 404 });
  await assert.rejects(pay(stripe, { amount: 49 }), { code: 'amount_too_small', param: 'amount' });
});

test('a wrong key', async () => {
  const { stripe: stranger } = connect('sk_test_' + '0'.repeat(26));
  await assert.rejects(stranger.balance.retrieve(), { type: 'StripeAuthenticationError', statusCode: 401 });
});
