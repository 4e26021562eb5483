import { Places } from "../channels/Places";

export default function Carriers() {
  return <Places kind="carriers" />;
}
