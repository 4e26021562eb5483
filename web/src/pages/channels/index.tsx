import { Places } from "./Places";

export default function Channels() {
  return <Places kind="channels" />;
}
