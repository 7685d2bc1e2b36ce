// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {Token} from "./support/Tokens.sol";
import {Tree} from "./support/Tree.sol";
import {vm} from "./support/Vm.sol";

contract PausingTest is DistributorTest {
    uint256 private constant WEEK = 7 days;

    function pause(address asset) private {
        vm.prank(GUARDIAN);
        distributor.pause(asset);
    }

    function refusePause(uint256 timestamp, uint256 allowedFrom) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRewardsDistributor.PauseTooSoon.selector, ETH, timestamp, allowedFrom)
        );
        pause(ETH);
    }

    function pausedUntil(address asset) private view returns (uint256 until) {
        (,, until,) = distributor.assets(asset);
    }

    function test_GivenAPause_WhenClaimed_ItRevertsUntilThePauseEndsByItself() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        postActive(leaves);
        uint256 until = START + DELAY + WEEK;
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Paused(ETH, until);
        pause(ETH);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.AssetPaused.selector, ETH, until, until - 1));
        distributor.claim(1, leaves[0], proof);
        vm.warp(until);
        eq(distributor.claim(1, leaves[0], proof), 100);
    }

    function test_GivenAPauseOfOneAsset_WhenAnotherIsClaimed_ItIsPaid() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(1, ETH, 1);
        postActive(leaves);
        pause(address(new Token()));
        eq(claim(1, leaves, 0), 100);
    }

    function test_PausingForEver() external {
        pause(ETH);
        refusePause(START, START + 2 * WEEK);
        vm.warp(START + WEEK);
        refusePause(START + WEEK, START + 2 * WEEK);
        vm.warp(START + 2 * WEEK - 1);
        refusePause(START + 2 * WEEK - 1, START + 2 * WEEK);
        vm.warp(START + 2 * WEEK);
        pause(ETH);
        eq(pausedUntil(ETH), START + 3 * WEEK);
    }

    function test_GivenAPause_WhenTheAdminLiftsIt_ClaimsGoOnAndTheNextPauseWaits() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(1, ETH, 1);
        postActive(leaves);
        pause(ETH);
        uint256 lifted = START + DELAY + 1 days;
        vm.warp(lifted);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Unpaused(ETH);
        vm.prank(ADMIN);
        distributor.unpause(ETH);
        eq(claim(1, leaves, 0), 100);
        refusePause(lifted, lifted + WEEK);
        vm.warp(lifted + WEEK);
        pause(ETH);
    }

    function test_GivenNoPause_WhenLifted_ItReverts() external {
        bytes4 selector = IRewardsDistributor.NotPaused.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, ETH, 0, START));
        vm.prank(ADMIN);
        distributor.unpause(ETH);
        pause(ETH);
        vm.warp(START + WEEK);
        vm.expectRevert(abi.encodeWithSelector(selector, ETH, START + WEEK, START + WEEK));
        vm.prank(ADMIN);
        distributor.unpause(ETH);
    }

    function test_GivenAnyoneElse_WhenPausingOrLifting_ItReverts() external {
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        bytes32 role = distributor.GUARDIAN();
        vm.expectRevert(abi.encodeWithSelector(selector, ADMIN, role));
        vm.prank(ADMIN);
        distributor.pause(ETH);
        pause(ETH);
        vm.expectRevert(abi.encodeWithSelector(selector, GUARDIAN, bytes32(0)));
        vm.prank(GUARDIAN);
        distributor.unpause(ETH);
    }

    function test_GivenAPause_WhenPostingOrRevoking_TheBooksAndThePauseStay() external {
        pause(ETH);
        postLeaves(ladder(1, ETH, 1));
        eq(pausedUntil(ETH), START + WEEK);
        vm.prank(GUARDIAN);
        distributor.revokeFrom(1, emptyRecord());
        eq(pausedUntil(ETH), START + WEEK);
    }
}
