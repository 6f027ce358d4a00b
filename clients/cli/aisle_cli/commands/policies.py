"""`aisle policies`: which pipeline an alert starts."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session, collect

app = group("Say which pipeline an alert starts.")


@command(app, "create")
def create(
    session: Session,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Policy id.")],
    on: Annotated[str, typer.Option(help="data-drift, latency, click-through, serving or data-quality.")],
    pipeline: Annotated[str, typer.Option(help="Pipeline that is run.")],
    subject: Annotated[str, typer.Option(help="Only alerts about this, for example datasets/orders.")] = "",
    cooldown: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Least time between two runs.")] = 3600,
) -> None:
    """Let a kind of alert start a pipeline; repeating it with the same content is fine."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb
    from aisle.monitor.v1 import observation_pb2

    wanted = observation_pb2.Policy(subject=subject, pipeline=names.pipeline(pipeline), cooldown_seconds=cooldown)
    wanted.alert_kind = output.enum_value(observation_pb2.AlertKind, on, "--on")  # type: ignore[assignment]
    policy_id = policy.removeprefix("policies/")
    request = pb.CreatePolicyRequest(policy_id=policy_id, policy=wanted, request_id=names.new_request_id())
    made = session.monitor.CreatePolicy(request).policy
    if session.as_json:
        return output.emit_json(session, {"policy": output.as_dict(made)})
    return output.line(f"{names.short(made.name)}: {on} starts {names.short(made.pipeline)}.")


@command(app, "list")
def list_(session: Session) -> None:
    """List policies."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb
    from aisle.monitor.v1 import observation_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.monitor.ListPolicies(pb.ListPoliciesRequest(page_size=size, page_token=token))
        return answer.policies, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "policies", found)
    rows = [
        (
            names.short(p.name),
            output.enum_word(observation_pb2.AlertKind, p.alert_kind),
            p.subject or "any",
            names.short(p.pipeline),
            f"{p.cooldown_seconds} s",
        )
        for p in found
    ]
    return output.table("Policies", ["policy", "alert", "about", "pipeline", "#at most every"], rows)
