// Joins the form, the call and what is shown.

import { type AgentState, Call, type Listener } from './call';
import { parseEmail } from './email';
import { explain } from './errors';
import { describe, storeEmail, storedEmail } from './form';
import { obstacle } from './obstacle';
import * as view from './view';

let call: Call | undefined;
let muted = false;

const inTheWay = obstacle();

view.email.value = storedEmail();
view.show('idle');

view.form.addEventListener('submit', (event) => {
  event.preventDefault();
  const parsed = parseEmail(view.email.value);
  if ('problem' in parsed && parsed.problem !== 'empty') {
    view.showEmailProblem(describe(parsed.problem));
    view.email.focus();
  } else if (!call && inTheWay === undefined) {
    const email = 'email' in parsed ? parsed.email : '';
    view.showEmailProblem();
    view.email.value = email;
    storeEmail(email);
    startCall(email);
  }
});

view.email.addEventListener('input', () => view.showEmailProblem());
view.endCall.addEventListener('click', () => void call?.end());
view.startAudio.addEventListener('click', () => void call?.startAudio());
view.chat.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = view.message.value.trim();
  if (text === '' || !call) return;
  view.message.value = '';
  call.type(text).catch(() => view.showNote('The message could not be sent. Try again.'));
});
view.mute.addEventListener('click', () => {
  muted = !muted;
  view.showMuted(muted);
  void call?.setMuted(muted);
});

if (inTheWay === undefined) {
  view.allowStart();
} else {
  view.showError(inTheWay);
}
// Last: whatever goes wrong before this leaves the visitor the words that say so.
view.showLoaded();

function startCall(email: string): void {
  muted = false;
  view.showError();
  view.clearTranscript();
  view.show('connecting', 'Connecting…');
  view.endCall.focus();
  call = new Call(email, view.audio, listener());
  void call.start();
}

function listener(): Listener {
  let agent: AgentState = 'none';
  return {
    connected: () => view.show('in-call', 'Connected'),
    reconnecting: (active) => (active ? view.showNote('The connection was interrupted. Reconnecting…') : view.showAgent(agent)),
    agentState: (state) => view.showAgent((agent = state)),
    said: view.showSaid,
    audioBlocked: (blocked) => (view.startAudio.hidden = !blocked),
    ended: (error) => {
      call = undefined;
      if (error === undefined) {
        view.show('ended', 'The call has ended. Thank you.');
      } else {
        view.show('error');
        view.showError(explain(error));
      }
      view.focusStart();
    },
  };
}
