import { Lost } from "../../parts/Page";
export default Lost;
