// Joins the form, the call and what is shown.

import { type AgentState, Call, type Listener } from './call';
import { explain } from './errors';
import { emailProblem, storeEmail, storedEmail } from './form';
import * as view from './view';

let call: Call | undefined;
let muted = false;

view.email.value = storedEmail();
view.show('idle');

view.form.addEventListener('submit', (event) => {
  event.preventDefault();
  const email = view.email.value.trim();
  const problem = emailProblem(email);
  view.showEmailProblem(problem);
  if (problem !== undefined) {
    view.email.focus();
  } else if (!call) {
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
