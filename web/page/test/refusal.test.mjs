// What the server's answers become for the visitor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { refusal } = await load('src/call/connection-details.ts');
const { fieldText, microphoneProblem, problemText } = await load('src/problem.ts');
const { textsOf } = await load('src/texts.ts');
const english = textsOf('en');
const NOW = 1_000_000;
const told = (...answer) => problemText(english, refusal(...answer, NOW), NOW);

test('limits say when to try again', () => {
  for (const limit of ['client', 'email', 'all', 'calls']) {
    const problem = refusal(429, null, { code: 'too_many_requests', limit, retry_after_seconds: 42 }, NOW);
    assert.deepEqual(problem, { code: `too_many_requests.${limit}`, retryAt: NOW + 42_000 });
    assert.match(problemText(english, problem, NOW), /Try again in 42 seconds\.$/);
  }
  assert.match(told(429, '1', '<html>'), /too much to do\. Try again in 1 second\.$/);
  assert.match(told(503, null, undefined), /Try again in a moment\.$/);
  assert.match(told(503, '3600', { code: 'livekit_unreachable' }), /not possible at the moment.*in 60 minutes\.$/);
  assert.equal(refusal(429, '3', { code: 'too_many_requests' }, NOW).code, 'too_many_requests.client');
  assert.equal(refusal(429, '-1', {}, NOW).retryAt, undefined);
  assert.equal(refusal(429, 'Wed, 21 Oct 2026 07:28:00 GMT', {}, NOW).retryAt, undefined);
});

test('what is wrong with the address belongs to its field', () => {
  const field = (answer) => refusal(400, null, answer, NOW).field;
  assert.equal(field({ code: 'invalid_email', field: 'user_email', reason: 'several_ats' }), 'several_ats');
  assert.equal(field({ code: 'invalid_email', reason: 'of a newer server' }), 'character');
  assert.equal(field({ code: 'invalid_email', reason: 'empty' }), 'required');
  assert.equal(field({ code: 'email_required' }), 'required');
  assert.equal(field({ code: 'email_domain_refused' }), 'refused_domain');
  assert.equal(field({ code: 'internal' }), undefined);
  assert.match(fieldText(english, 'space', true), /Remove the space\. Or leave the field empty\.$/);
  assert.match(fieldText(english, 'space', false), /Remove the space\.$/);
  assert.doesNotMatch(fieldText(english, 'required', true), /empty/);
});

test('what the page has no words for is told in those of the server', () => {
  assert.match(
    told(400, null, { code: 'new_code', detail: 'Our shop is closed.' }),
    /could not be placed: Our shop is closed\.$/,
  );
  assert.match(told(500, null, undefined), /answered with status 500/);
  assert.match(told(418, null, { detail: 7 }), /answered with status 418/);
});

test('each refusal of the microphone says what to do', () => {
  const code = (name, message = '') => microphoneProblem(new DOMException(message, name)).code;
  assert.equal(code('NotAllowedError', 'Permission denied'), 'microphone_denied');
  assert.equal(code('NotAllowedError', 'Permission denied by system'), 'microphone_denied_by_system');
  assert.equal(code('NotFoundError'), 'microphone_missing');
  assert.equal(code('NotReadableError'), 'microphone_in_use');
  assert.equal(code('OverconstrainedError'), 'microphone_refused');
});
