import { useState } from 'preact/hooks';
import { SendIcon } from './icons';
import { usePage } from './page';

interface Props {
  hidden: boolean;
  connected: boolean;
  type(text: string): Promise<boolean>;
}

/** What is typed is a turn of the conversation. */
export function Chat({ hidden, connected, type }: Props) {
  const { texts } = usePage();
  const [message, setMessage] = useState('');
  const send = async () => {
    const text = message.trim();
    if (text === '') return;
    setMessage('');
    // What did not go is there to be sent again.
    if (!(await type(text))) setMessage((typed) => typed || text);
  };
  return (
    <form
      id="chat"
      class="chat"
      autocomplete="off"
      hidden={hidden}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <input
        id="message"
        type="text"
        maxLength={2000}
        placeholder={texts('session.message.placeholder')}
        aria-label={texts('session.message')}
        disabled={!connected}
        value={message}
        onInput={({ currentTarget }) => setMessage(currentTarget.value)}
      />
      <button id="send-message" class="square" type="submit" disabled={!connected} aria-label={texts('session.send')}>
        <SendIcon />
      </button>
    </form>
  );
}
