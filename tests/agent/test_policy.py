import pytest

from ossia.agent.policy import ALONE, CAREFUL, Policy, Rule, Verdict
from ossia.tools import Action, Deed


def action(deed: Deed, target: str = "", tool: str = "browser") -> Action:
    return Action(tool, deed, target)


@pytest.mark.parametrize("deed", Deed)
def test_what_stays_here_is_not_asked_about(deed: Deed) -> None:
    is_free = deed in (Deed.COMPUTE, Deed.READ)
    assert CAREFUL.verdict(action(deed)) is (Verdict.ALLOW if is_free else Verdict.ASK)
    assert ALONE.verdict(action(deed)) is (Verdict.ALLOW if is_free else Verdict.DENY)


def test_the_first_rule_that_fits_decides() -> None:
    policy = Policy(
        (Rule(Verdict.DENY, deed=Deed.FETCH, target="*.evil.example"), Rule(Verdict.ALLOW))
    )
    assert policy.verdict(action(Deed.FETCH, "a.evil.example")) is Verdict.DENY
    assert policy.verdict(action(Deed.FETCH, "example.org")) is Verdict.ALLOW
    earlier = policy.first(Rule(Verdict.ASK, tool="patch"))
    assert earlier.verdict(action(Deed.WRITE, "/w", "patch")) is Verdict.ASK
    assert policy.verdict(action(Deed.WRITE, "/w", "patch")) is Verdict.ALLOW


@pytest.mark.parametrize(
    ("rule", "done", "fits"),
    [
        (Rule(Verdict.ALLOW, tool="mcp:*"), action(Deed.CALL, "ls", "mcp:files"), True),
        (Rule(Verdict.ALLOW, tool="mcp:*"), action(Deed.CALL, "ls", "python"), False),
        (Rule(Verdict.ALLOW, target="/w/a"), action(Deed.WRITE, "/w/a/b"), True),
        (Rule(Verdict.ALLOW, target="/w/a"), action(Deed.WRITE, "/w/a"), True),
        (Rule(Verdict.ALLOW, target="/w/a"), action(Deed.WRITE, "/w/ab"), False),
        (Rule(Verdict.ALLOW, target="/w/a"), action(Deed.WRITE, "/w/a/../b"), False),
        (Rule(Verdict.ALLOW, target="*.example.org"), action(Deed.FETCH, "A.EXAMPLE.org"), True),
        (Rule(Verdict.ALLOW, target="*.example.org"), action(Deed.FETCH, "example.org"), False),
        (
            Rule(Verdict.ALLOW, target="*.example.org"),
            action(Deed.FETCH, "b.example.org.evil.example"),
            False,
        ),
        (Rule(Verdict.ALLOW, deed=Deed.READ), action(Deed.WRITE, "/w"), False),
    ],
)
def test_what_a_rule_speaks_of(rule: Rule, done: Action, fits: bool) -> None:
    assert rule.fits(done) is fits
